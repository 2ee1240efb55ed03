package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newWeight(api *string) *cobra.Command {
	var reset bool
	var to target
	cmd := &cobra.Command{
		Use:   "weight RULE N",
		Short: "Set this node's weight in a rule, without a connection lost",
		Long: "Set this node's weight in a rule, 0 to 100, instead of the configured one. It\n" +
			"holds over reload and restart, until --reset or until the daemon is stopped.\n" +
			"With 0, new connections of the rule go to the other nodes, and those that are\n" +
			"here go on. In a rule with mode single, 0 takes this node out of the line.",
		Example: "  thresher weight web 50\n  thresher weight web 50 --node web2\n  thresher weight web --reset",
		Args:    args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			weight, err := weightOf(args, reset)
			if err != nil {
				return &usageError{err}
			}
			if to.elsewhere() {
				return to.change(cmd, *api, console.Change{Action: "weight", Rule: args[0], Weight: weight})
			}
			return withClient(*api, func(c *console.Client) error {
				if err := c.Weigh(cmd.Context(), args[0], weight); err != nil {
					return err
				}
				return show(cmd, weighed{args[0], weight}, "")
			})
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// pflag takes a number below 0 for a flag, and names it at the end.
		if _, text, ok := strings.Cut(err.Error(), " in -"); ok {
			if _, number := strconv.Atoi(text); number == nil {
				return &usageError{fmt.Errorf("weight -%s is not a number from 0 to 100", text)}
			}
		}
		return cmd.Parent().FlagErrorFunc()(cmd, err)
	})
	cmd.Flags().BoolVar(&reset, "reset", false, "go back to the configured weight")
	to.add(cmd)
	return cmd
}

// weighed is what weight has done.
type weighed struct {
	Rule   string `json:"rule"`
	Weight *uint8 `json:"weight"` // null for the configured one
}

// weightOf is the weight on the command line; nil is the configured one.
func weightOf(args []string, reset bool) (*uint8, error) {
	switch {
	case reset && len(args) == 2:
		return nil, errors.New("--reset goes back to the configured weight: leave the number out")
	case reset:
		return nil, nil
	case len(args) == 1:
		return nil, errors.New("the weight is missing: give 0 to 100, or --reset for the configured one")
	}
	n, err := strconv.ParseUint(args[1], 10, 8)
	if err != nil || n > 100 {
		return nil, fmt.Errorf("weight %q is not a number from 0 to 100", args[1])
	}
	weight := uint8(n)
	return &weight, nil
}
