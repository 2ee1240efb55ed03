package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newDrain(api *string) *cobra.Command {
	var deadline time.Duration
	var to target
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Let no new connection in here, and keep those that are",
		Long: "Let no new connection in here: new ones go to the other nodes at once, and those\n" +
			"that are here go on. When the last has ended the node is stopped; start brings it\n" +
			"back, also before.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if deadline < 0 {
				return &usageError{fmt.Errorf("--deadline %v: give a time from now, or leave it out to wait for the last connection", deadline)}
			}
			if to.elsewhere() {
				return to.change(cmd, *api, console.Change{Action: "drain", Deadline: deadline})
			}
			return changeNode(cmd, *api, func(c *console.Client, ctx context.Context) error { return c.Drain(ctx, deadline) })
		},
	}
	cmd.Flags().DurationVar(&deadline, "deadline", 0, "stop after so long, whatever is left; such as 10m")
	to.add(cmd)
	return cmd
}
