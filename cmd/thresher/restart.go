package main

import (
	"github.com/spf13/cobra"

	"thresher/console"
)

func newRestart(api *string) *cobra.Command {
	var to target
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "Run the daemon's program anew, without a connection lost",
		Long: "Run the daemon's program anew in the place of the running process: with another\n" +
			"program at the same path it is an upgrade, and with another configuration that\n" +
			"takes effect. The new program checks the configuration first. No connection is\n" +
			"lost. The other nodes notice nothing, unless this machine is so busy that the new\n" +
			"program is silent for longer than they wait (cluster.eviction): then they have its\n" +
			"new clients until it is heard again.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to.elsewhere() {
				return to.change(cmd, *api, console.Change{Action: "restart"})
			}
			return withClient(*api, func(c *console.Client) error {
				done, err := c.Restart(cmd.Context())
				if err != nil {
					return err
				}
				return show(cmd, done, done.Message+"\n")
			})
		},
	}
	to.add(cmd)
	return cmd
}
