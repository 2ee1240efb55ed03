package main

import (
	"github.com/spf13/cobra"

	"thresher/console"
)

func newStop(api *string) *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "Take this node out of the farm; the daemon goes on",
		Long: "Take this node out of the farm: its clients go to the others. The daemon goes on,\n" +
			"and start brings the node back.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeNode(cmd, *api, (*console.Client).Stop)
		},
	}
}
