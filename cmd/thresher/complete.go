package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"thresher/console"
)

// completePatience is how long somebody who presses Tab waits for the daemon.
const completePatience = time.Second

// completeNames has a shell complete the names of nodes and rules, by what the daemon
// knows: no name at all if it does not answer.
func completeNames(root *cobra.Command, api *string) {
	for _, cmd := range root.Commands() {
		completeNames(cmd, api)
		for flag, names := range map[string]func(console.Status) []string{"node": nodeNames, "rule": ruleNames} {
			if setsUp := cmd.Flags().Lookup("bind") != nil; cmd.Flags().Lookup(flag) != nil && !setsUp {
				// It fails only for a flag that there is not, or twice.
				_ = cmd.RegisterFlagCompletionFunc(flag, completer(api, names))
			}
		}
		if cmd.Name() == "weight" {
			cmd.ValidArgsFunction = completer(api, ruleNames)
		}
	}
}

func completer(api *string, names func(console.Status) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		parent := cmd.Context()
		if parent == nil {
			parent = context.Background()
		}
		ctx, cancel := context.WithTimeout(parent, completePatience)
		defer cancel()
		var list []string
		err := withClient(*api, func(c *console.Client) error {
			s, err := c.Status(ctx)
			list = names(s)
			return err
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

func nodeNames(s console.Status) (names []string) {
	for _, n := range s.Nodes {
		names = append(names, n.Name)
	}
	return names
}

func ruleNames(s console.Status) (names []string) {
	for _, r := range s.Rules {
		names = append(names, r.Name)
	}
	return names
}
