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
	var asJSON, watch, farm bool
	var node string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show this node and its farm",
		Long: "Show this node and its farm: who is up, who serves how much of each rule, who\n" +
			"answers for the VIPs, and what became of the packets that came for them.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			look := func(ctx context.Context, c *console.Client) (any, error) { return c.Status(ctx) }
			switch {
			case farm:
				look = func(ctx context.Context, c *console.Client) (any, error) { return c.Farm(ctx) }
			case node != "":
				look = func(ctx context.Context, c *console.Client) (any, error) { return c.StatusOf(ctx, node) }
			}
			show := showText(cmd.OutOrStdout(), watch)
			if asJSON {
				show = json.NewEncoder(cmd.OutOrStdout()).Encode
			}
			return withClient(*api, func(c *console.Client) error {
				if watch {
					return watchStatus(cmd.Context(), c, look, show)
				}
				return showLook(cmd.Context(), c, look, show)
			})
		},
	}
	cmd.Flags().BoolVar(&farm, "farm", false, "show what every node says of itself")
	cmd.Flags().StringVar(&node, "node", "", "show what that node says of itself, through this one")
	cmd.MarkFlagsMutuallyExclusive("farm", "node")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, a line each time with --watch")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it every second until interrupted")
	return cmd
}

// look is what status asks a daemon for.
type look func(context.Context, *console.Client) (any, error)

// showText shows a status as text: in place if it is watched.
func showText(out io.Writer, watch bool) func(any) error {
	screen, write := console.NewScreen(out), func(text string) error { _, err := io.WriteString(out, text); return err }
	rows := 0
	return func(v any) error {
		if watch {
			rows, write = screen.Rows(), screen.Show
		}
		if f, ok := v.(console.FarmStatus); ok {
			return write(console.FarmText(f, rows))
		}
		return write(console.StatusText(v.(console.Status), rows))
	}
}

func showLook(ctx context.Context, c *console.Client, look look, show func(any) error) error {
	v, err := look(ctx, c)
	if err != nil {
		return err
	}
	return show(v)
}

func showStatus(ctx context.Context, c *console.Client, show func(console.Status) error) error {
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	return show(s)
}

// watchStatus shows the status every second. An interrupt is how it ends well.
func watchStatus(ctx context.Context, c *console.Client, look look, show func(any) error) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		if err := showLook(ctx, c, look, show); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
