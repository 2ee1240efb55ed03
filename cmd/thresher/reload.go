package main

import (
	"github.com/spf13/cobra"

	"thresher/console"
)

func newReload(api *string) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon read its configuration again, without a connection lost",
		Long: "Have the daemon read its configuration again; SIGHUP does the same. All of it\n" +
			"takes effect or nothing. Weights, priorities and the nodes of a rule change in the\n" +
			"running process; other settings of this node by a restart in place. What all\n" +
			"nodes must have alike (rules, vips, default) and what makes this node another one\n" +
			"(its name, interface, addresses, keys) is refused, with what to do instead.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(*api, func(c *console.Client) error {
				done, err := c.Reload(cmd.Context(), check)
				if err != nil {
					return err
				}
				return show(cmd, done, console.ReloadText(done, !check))
			})
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only say what would happen")
	return cmd
}
