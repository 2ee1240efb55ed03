package main

import (
	"github.com/spf13/cobra"

	"thresher/console"
)

func newStop(api *string) *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "Take this node out of the farm; the daemon goes on",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeNode(cmd, *api, (*console.Client).Stop)
		},
	}
}
