package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/console"
	"thresher/console/invite"
)

func newInvite(api *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Let another machine join this node's farm, once",
		Long: "Print a token by which one machine may join the farm, within 15 minutes. Whoever\n" +
			"uses it gets the farm's key: hand it over as you would that key.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(*api, func(c *console.Client) error {
				in, err := c.Invite(cmd.Context())
				if err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return show(cmd, in, "")
				}
				if len(in.Unreachable) > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s can't be told of the new machine now: invite it when they are there, or add it to cluster.join there\n", strings.Join(in.Unreachable, ", "))
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "Good once, until %s. On the new machine:\n", in.Expires.Local().Format(time.TimeOnly))
				return said(cmd, nil, "thresher join %s", in.Token)
			})
		},
	}
	return cmd
}

func newJoin() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "join TOKEN",
		Short: "Make this machine a node of the farm that a token is from",
		Long: "Fetch the farm's key and configuration from the node on which `thresher invite`\n" +
			"has printed the token, make this machine's own of it, and write both. The token\n" +
			"names the farm by its fingerprint: no other is believed.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			token, err := invite.Parse(args[0])
			if err != nil {
				return &usageError{err}
			}
			if err := p.complete(token.Address.Addr()); err != nil {
				return err
			}
			return p.join(cmd, token)
		},
	}
	p.add(cmd)
	return cmd
}

func (p *place) join(cmd *cobra.Command, token invite.Token) error {
	binds, err := p.addresses()
	if err != nil {
		return err
	}
	a, err := console.Join(cmd.Context(), token, console.Newcomer{Node: p.node, Bind: binds[0], Further: binds[1:]})
	if err != nil {
		return err
	}
	own := config.Newcomer{Node: p.node, Interface: p.iface, Bind: binds[0], Further: binds[1:], KeyFile: p.key, RunDir: p.runDir, StateDir: p.stateDir}
	if a.Users != nil {
		own.Users = p.users
	}
	text, lost, err := own.Adopt(a.Config, a.Bind)
	if err != nil {
		return err
	}
	if err := p.write(text, a.Keys, a.Users); err != nil {
		return errors.Join(err, fmt.Errorf("this machine is no node: the farm's configuration does not fit it; the token is used up"))
	}
	told := fmt.Sprintf("Wrote %s and %s: node %s on %s, let in by %s.\n", p.config, p.key, p.node, p.iface, a.Node)
	if err := show(cmd, p.written(binds), told); err != nil {
		return err
	}
	if warning := p.fewerNetworks(a.Config, len(binds)); warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), warning)
	}
	for _, what := range lost {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s is %s's own and was left out: write this machine's into %s if it is to have one\n", what, a.Node, p.config)
	}
	for _, text := range a.Untold {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+text)
	}
	return p.finish(cmd)
}

// fewerNetworks warns of a member's configuration with more heartbeat networks than
// this machine has got; "" if there are none.
func (p *place) fewerNetworks(member []byte, own int) string {
	d, err := config.ReadDocument(member)
	if err != nil || d.Networks() <= own {
		return ""
	}
	return fmt.Sprintf("warning: the farm has %d heartbeat networks, this machine %d of them: write its addresses on all into cluster.bind in %s", d.Networks(), own, p.config)
}
