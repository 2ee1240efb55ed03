package main

import (
	"context"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newStop(api *string) *cobra.Command {
	var force bool
	var to target
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Take this node out of the farm; the daemon goes on",
		Long: "Take this node out of the farm: its clients go to the others. Where services run,\n" +
			"connections get a while to end (node.stop_drain) before these are stopped. The\n" +
			"daemon goes on, and start brings the node back.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to.elsewhere() {
				return to.change(cmd, *api, console.Change{Action: "stop"})
			}
			return changeNode(cmd, *api, func(c *console.Client, ctx context.Context) error { return c.Stop(ctx, force) })
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "wait for no connection, and end services without asking them")
	to.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("force", "node")
	cmd.MarkFlagsMutuallyExclusive("force", "all")
	return cmd
}
