package main

import (
	"context"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newCordon(api *string) *cobra.Command {
	return simple(api, "cordon", "Drain this node, and keep it out over boots",
		"Drain this node, and keep it out: neither a boot nor start brings it back, but\nonly uncordon.", (*console.Client).Cordon)
}

func newUncordon(api *string) *cobra.Command {
	return simple(api, "uncordon", "Bring a cordoned node back", "Bring a cordoned node back into the farm. One that is not cordoned is left as it is:\nstart brings up what was stopped.", (*console.Client).Uncordon)
}

func newSuspend(api *string) *cobra.Command {
	return simple(api, "suspend", "Have checks not count, for maintenance",
		"Have checks not count, nor the ends of services: nothing is restarted, withdrawn or\nstopped until resume.", (*console.Client).Suspend)
}

func newResume(api *string) *cobra.Command {
	return simple(api, "resume", "Have checks count again", "Have checks and the ends of services count again.", (*console.Client).Resume)
}

func newReset(api *string) *cobra.Command {
	return simple(api, "reset", "Forget the failures of services",
		"Forget how often services and checks have failed. A node that has stopped because\nof that is started.", (*console.Client).Reset)
}

// simple is a command without arguments that changes the node.
func simple(api *string, use, short, long string, change func(*console.Client, context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return changeNode(cmd, *api, change) },
	}
}
