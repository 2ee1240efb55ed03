package main

import (
	"github.com/spf13/cobra"

	"thresher/console"
)

func newStop(api *string) *cobra.Command {
	var to target
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Take this node out of the farm; the daemon goes on",
		Long: "Take this node out of the farm: its clients go to the others. The daemon goes on,\n" +
			"and start brings the node back.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to.elsewhere() {
				return to.change(cmd, *api, "stop", 0)
			}
			return changeNode(cmd, *api, (*console.Client).Stop)
		},
	}
	to.add(cmd)
	return cmd
}
