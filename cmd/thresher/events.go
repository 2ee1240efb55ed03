package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newEvents(api *string) *cobra.Command {
	var follow, asJSON bool
	var node string
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what has happened since the daemon started",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := json.NewEncoder(cmd.OutOrStdout())
			show := func(e console.Event) error {
				if asJSON {
					return out.Encode(e)
				}
				_, err := io.WriteString(cmd.OutOrStdout(), console.EventText(e))
				return err
			}
			return withClient(*api, func(c *console.Client) error {
				if follow {
					return followEvents(cmd, c, node, show)
				}
				return showEvents(cmd, c, node, show)
			})
		},
	}
	cmd.Flags().StringVar(&node, "node", "", "show that node's, through this one")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens, until interrupted")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

func showEvents(cmd *cobra.Command, c *console.Client, node string, show func(console.Event) error) error {
	events, err := c.EventsOf(cmd.Context(), node)
	for _, e := range events {
		if err := show(e); err != nil {
			return err
		}
	}
	return err
}

// followEvents shows events as they come. An interrupt is how it ends well.
func followEvents(cmd *cobra.Command, c *console.Client, node string, show func(console.Event) error) error {
	err := c.Follow(cmd.Context(), node, 0, show)
	if cmd.Context().Err() != nil {
		return nil
	}
	return err
}
