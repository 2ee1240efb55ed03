package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"thresher/console"
)

// watchInterval is how often status --watch asks again.
const watchInterval = time.Second

func newStatus(api *string) *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show this node and its farm",
		Long: "Show this node and its farm: who is up, who serves how much of each rule, who\n" +
			"answers for the VIPs, and what became of the packets that came for them.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			screen := console.NewScreen(cmd.OutOrStdout())
			show := func(s console.Status) error { return screen.Show(console.StatusText(s, screen.Rows())) }
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				show = func(s console.Status) error { return out.Encode(s) }
			} else if !watch {
				show = func(s console.Status) error {
					_, err := io.WriteString(cmd.OutOrStdout(), console.StatusText(s, 0))
					return err
				}
			}
			return withClient(*api, func(c *console.Client) error {
				if watch {
					return watchStatus(cmd.Context(), c, show)
				}
				return showStatus(cmd.Context(), c, show)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, a line each time with --watch")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it every second until interrupted")
	return cmd
}

func showStatus(ctx context.Context, c *console.Client, show func(console.Status) error) error {
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	return show(s)
}

// watchStatus shows the status every second. An interrupt is how it ends well.
func watchStatus(ctx context.Context, c *console.Client, show func(console.Status) error) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		if err := showStatus(ctx, c, show); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
