package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"thresher/console"
)

// waitLook is how often wait asks.
const waitLook = 100 * time.Millisecond

func newWait(api *string) *cobra.Command {
	var state string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until this node has a state",
		Long: "Wait until this node has a state; for up until it lets clients in, or says why it\n" +
			"does not, and for stopped until its services are stopped, too. Exits 1 if that does not come in time; also while no daemon answers.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted := console.NodeState(state)
			if !slices.Contains(console.OwnStates(), wanted) {
				return &usageError{fmt.Errorf("--state %q: give one of %s", state, stateNames())}
			}
			if timeout <= 0 {
				return &usageError{fmt.Errorf("--timeout %v: give a time to wait, such as 60s", timeout)}
			}
			return withClient(*api, func(c *console.Client) error {
				s, err := waitFor(cmd.Context(), c, wanted, timeout)
				if err != nil {
					return err
				}
				return show(cmd, s, console.StateText(s))
			})
		},
	}
	cmd.Flags().StringVar(&state, "state", string(console.Up), "the state to wait for: "+stateNames())
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "for how long")
	return cmd
}

func stateNames() string {
	names := make([]string, 0, 5)
	for _, s := range console.OwnStates() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// waitFor asks until the node has the state. A daemon that does not answer may
// only be starting.
func waitFor(ctx context.Context, c *console.Client, wanted console.NodeState, timeout time.Duration) (console.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(waitLook)
	defer tick.Stop()
	last := errors.New("no daemon has answered")
	for {
		s, err := c.Status(ctx)
		switch {
		case err == nil && has(s, wanted):
			return s, nil
		case err == nil:
			last = fmt.Errorf("%s", strings.TrimSpace(console.StateText(s)))
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return s, fmt.Errorf("not %s within %v: %w", wanted, timeout, last)
		}
	}
}

// has tells whether a node has come to the state whole: a node that has just come up
// serves only when the others have confirmed it.
func has(s console.Status, wanted console.NodeState) bool {
	switch {
	case s.State != wanted:
		return false
	case wanted == console.Up:
		return s.Lease != nil || s.Fenced != "" || s.BehindBalancer
	case wanted == console.Stopped:
		return !slices.ContainsFunc(s.Services, func(one console.Service) bool { return one.State != "stopped" })
	}
	return true
}
