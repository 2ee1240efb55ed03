package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"thresher/console"
)

// target names the node that a command is for.
type target struct {
	node string
	all  bool
}

func (t *target) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.node, "node", "", "do it on that node, through this one")
	cmd.Flags().BoolVar(&t.all, "all", false, "do it on every node of the farm, one after the other")
	cmd.MarkFlagsMutuallyExclusive("node", "all")
}

// elsewhere tells whether the command is not, or not only, for this node.
func (t *target) elsewhere() bool { return t.all || t.node != "" }

// change has the nodes change, and says what came of it.
func (t *target) change(cmd *cobra.Command, api string, change console.Change) error {
	change.Node = t.node
	return withClient(api, func(c *console.Client) error {
		out, err := c.Change(cmd.Context(), change)
		if err != nil {
			return err
		}
		err = show(cmd, out, console.OutcomesText(change.Action, out))
		if n := out.Failed(); n > 0 {
			err = errors.Join(err, fmt.Errorf("%s failed on %d of %d nodes", change.Action, n, len(out.Nodes)))
		}
		return err
	})
}
