package main

import (
	"context"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newStart(api *string) *cobra.Command {
	var to target
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Bring this node up",
		Long:  "Bring a stopped node up: it takes its share of the clients back.",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to.elsewhere() {
				return to.change(cmd, *api, console.Change{Action: "start"})
			}
			return changeNode(cmd, *api, (*console.Client).Start)
		},
	}
	to.add(cmd)
	return cmd
}

// changeNode has the daemon change its state, and says what came of it.
func changeNode(cmd *cobra.Command, api string, change func(*console.Client, context.Context) error) error {
	return withClient(api, func(c *console.Client) error {
		if err := change(c, cmd.Context()); err != nil {
			return err
		}
		return showStatus(cmd.Context(), c, func(s console.Status) error {
			return show(cmd, s, console.StateText(s))
		})
	})
}
