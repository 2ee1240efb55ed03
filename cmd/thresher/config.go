package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/console"
	"thresher/internal/wholefile"
)

// trialPoll is how often config apply looks how a trial goes, and trialSlack how
// long beyond its time it waits for the word.
const (
	trialPoll  = 250 * time.Millisecond
	trialSlack = 30 * time.Second
)

func newConfig(api *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "See and change the configuration, on this node or all",
		Long: "See and change the configuration. A change is tried: unless the farm is well with\n" +
			"it in time, every node goes back to the text before by itself.",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), &usageError{errors.New("no command given")})
		},
	}
	cmd.AddCommand(withJSON(newConfigGet(api)), newConfigCheck(api), newConfigApply(api), withJSON(newConfigUndo(api)), newConfigTrial(api))
	return cmd
}

func newConfigGet(api *string) *cobra.Command {
	var node string
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Print a node's configuration",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(*api, func(c *console.Client) error {
				in, err := c.Configuration(cmd.Context(), node)
				if err != nil {
					return err
				}
				return show(cmd, in, in.Text)
			})
		},
	}
	cmd.Flags().StringVar(&node, "node", "", "of that node, through this one")
	return cmd
}

// newText is the change that check and apply are about.
type newText struct {
	api    *string
	node   string
	match  string
	all    bool
	asJSON bool
}

func (n *newText) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&n.node, "node", "", "the file is that node's (default: the daemon's own)")
	f.BoolVar(&n.all, "all", false, "every node gets the file's vips, rules and default, and what was changed of services and checks")
	f.StringVar(&n.match, "if-match", "", "refuse it unless the text in force has this `etag` (thresher config get --json)")
	f.BoolVar(&n.asJSON, "json", false, "print one JSON object")
}

// ask has the nodes check or try the file.
func (n *newText) ask(cmd *cobra.Command, c *console.Client, file string, change console.ConfigChange) (out console.ConfigOutcomes, err error) {
	if change, err = n.change(cmd.Context(), c, cmd.InOrStdin(), file, change); err != nil {
		return out, err
	}
	return c.ChangeConfig(cmd.Context(), change)
}

// change reads the file, and says what it is to become of.
func (n *newText) change(ctx context.Context, c *console.Client, in io.Reader, file string, change console.ConfigChange) (console.ConfigChange, error) {
	change.Node, change.All, change.ETag = n.node, n.all, n.match
	var err error
	if file == "-" {
		change.Text, err = io.ReadAll(in)
	} else {
		change.Text, err = wholefile.Read(file, config.MaxFileSize)
	}
	if err != nil {
		return change, &usageError{fmt.Errorf("read the new configuration: %w; name a file, or - for standard input", err)}
	}
	if change.ETag == "" {
		now, err := c.Configuration(ctx, n.node)
		if err != nil {
			return change, err
		}
		change.ETag = now.ETag
	}
	return change, nil
}

func (n *newText) show(cmd *cobra.Command, out console.ConfigOutcomes, check bool) (err error) {
	if n.asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(out)
	} else {
		_, err = io.WriteString(cmd.OutOrStdout(), out.Text(check))
	}
	if err == nil && out.Failed() {
		err = errors.New("not every node can take this configuration: nothing has changed")
	}
	return err
}

func newConfigCheck(api *string) *cobra.Command {
	n := newText{api: api}
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Have the nodes say what a new configuration would do",
		Long:  "Have the nodes say what a new configuration would do, and how each one's text\nwould change. - is standard input.",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(*api, func(c *console.Client) error {
				out, err := n.ask(cmd, c, args[0], console.ConfigChange{Check: true})
				if err != nil {
					return err
				}
				return n.show(cmd, out, true)
			})
		},
	}
	n.add(cmd)
	return cmd
}

func newConfigApply(api *string) *cobra.Command {
	n := newText{api: api}
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Have this node or all of them try a new configuration",
		Long: "Have this node or, with --all, every node try a new configuration, and wait what\n" +
			"comes of it. Unless every node says in time that the farm is as well as before,\n" +
			"each goes back to its text before, by a timer of its own. - is standard input.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(*api, func(c *console.Client) error {
				out, err := n.ask(cmd, c, args[0], console.ConfigChange{Within: within})
				if err != nil {
					return err
				}
				return n.follow(cmd, c, out, within)
			})
		},
	}
	n.add(cmd)
	cmd.Flags().DurationVar(&within, "within", console.TrialTime, "how long the farm has to be well with it")
	return cmd
}

// applied is what config apply prints for programs.
type applied struct {
	console.ConfigOutcomes
	// Trial is how the trial has ended; nil if that is not known, or none has begun.
	Trial *console.Trial `json:"trial,omitempty"`
}

// follow shows what the nodes say of the file, and what comes of the trial.
func (n *newText) follow(cmd *cobra.Command, c *console.Client, out console.ConfigOutcomes, within time.Duration) error {
	if !n.asJSON || out.Failed() {
		if err := n.show(cmd, out, false); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), within+trialSlack)
	defer cancel()
	tick := time.NewTicker(trialPoll)
	defer tick.Stop()
	t, err := n.await(ctx, c, out.ID, tick.C)
	if n.asJSON {
		return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(applied{out, t}), err)
	}
	if err := said(cmd, err, "kept: the farm is well with it"); err != nil || !n.all {
		return err
	}
	return alike(ctx, c.Status, tick.C)
}

// await waits until a trial is decided; that it was undone is an error. A daemon that
// does not answer may be restarting.
func (n *newText) await(ctx context.Context, c *console.Client, id string, again <-chan time.Time) (*console.Trial, error) {
	node := n.node
	if n.all {
		node = "" // takes part, too
	}
	for {
		t, err := c.Trial(ctx, node)
		switch {
		case err != nil:
		case t.ID != id:
			return nil, errors.New("another configuration is on trial by now")
		case t.State == console.TrialUndone:
			return &t, fmt.Errorf("the configuration before is in force again: %s", t.Reason)
		case t.Decided():
			spread(ctx, c, t, again)
			return &t, nil
		}
		select {
		case <-again:
		case <-ctx.Done():
			return nil, fmt.Errorf("what came of it is not known: %w; see thresher config trial", ctx.Err())
		}
	}
}

// trialSpread bounds how long it is waited for all nodes to hear how a trial has ended,
// for which they ask four times a second.
const trialSpread = 5 * time.Second

// spread waits until all nodes that take part in a decided trial know of it, so that the
// next change finds none on trial. One that says nothing holds nobody up for long.
func spread(ctx context.Context, c *console.Client, t console.Trial, again <-chan time.Time) {
	ctx, cancel := context.WithTimeout(ctx, trialSpread)
	defer cancel()
	for {
		heard := true
		for _, name := range t.Nodes {
			theirs, err := c.Trial(ctx, name)
			heard = heard && err == nil && theirs.StateOf(t.ID) == t.State
		}
		if heard {
			return
		}
		select {
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// alike waits until all nodes have VIPs, rules and default alike, which they tell one
// another a moment later; if they never do, the rest of what must be alike is not in
// the file.
func alike(ctx context.Context, status func(context.Context) (console.Status, error), again <-chan time.Time) error {
	for {
		s, err := status(ctx)
		if err == nil && len(s.Differing()) == 0 {
			return nil
		}
		select {
		case <-again:
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("whether all nodes are alike now is not known: %w", err)
			}
			return fmt.Errorf("%s still differs from %s: compare the key files of both, and what --set and the environment say there", strings.Join(s.Differing(), ", "), s.Node)
		}
	}
}

func newConfigUndo(api *string) *cobra.Command {
	return &cobra.Command{
		Use:   "undo",
		Short: "End the trial of a configuration, and go back to the one before on all nodes",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(*api, func(c *console.Client) error {
				if err := c.UndoTrial(cmd.Context(), ""); err != nil {
					return err
				}
				return show(cmd, message{"the configuration before is in force again"}, "")
			})
		},
	}
}

func newConfigTrial(api *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "trial",
		Short: "Show how the last trial of a configuration goes, or has gone",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(*api, func(c *console.Client) error {
				t, err := c.Trial(cmd.Context(), "")
				switch {
				case err != nil:
					return err
				case asJSON:
					return json.NewEncoder(cmd.OutOrStdout()).Encode(t)
				case t.ID == "":
					return said(cmd, nil, "no configuration was on trial yet")
				case t.Reason == "":
					return said(cmd, nil, "%s", t.State)
				}
				return said(cmd, nil, "%s: %s", t.State, t.Reason)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
