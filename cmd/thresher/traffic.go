package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newTraffic(api *string) *cobra.Command {
	var node string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "traffic",
		Short: "Show what came for the VIPs in the last hour, and what became of it",
		Long: "Show what came for the VIPs in the last hour, packets a second: now, at the most and\n" +
			"in the mean, by what became of them and why. docs/packets.md says what the reasons\n" +
			"are. With --json every sample, one each 5 s. It begins anew with the daemon.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(*api, func(c *console.Client) error {
				t, err := c.TrafficOf(cmd.Context(), node)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(t)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), console.TrafficText(t))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&node, "node", "", "show that node's, through this one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
