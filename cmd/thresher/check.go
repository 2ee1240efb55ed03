package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/farm"
	"thresher/farm/findings"
	"thresher/farm/host"
	"thresher/farm/netcheck"
	"thresher/health"
)

func newCheck() *cobra.Command {
	var file configFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and this machine",
		Long: "Check the configuration file and whether this machine can run the node: kernel,\n" +
			"interface, MTU, rights. Says what to do about what it finds.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.loadWith(config.Options{Interface: health.FindInterface, Directory: health.FindDirectory, Command: health.FindCommand})
			if err != nil {
				return errors.Join(err, showRefused(cmd, file.path, err))
			}
			facts, list, err := inspect(cfg)
			if err == nil {
				list, err = withHolders(cmd.Context(), cfg, facts, list)
			}
			if err != nil {
				return errors.Join(err, showRefused(cmd, file.path, err))
			}
			c := newChecked(file.path, cfg, list)
			if err := show(cmd, c, c.text(list)); err != nil {
				return err
			}
			if !c.OK {
				return errors.New("this machine can't run the node as it is configured: see the errors above")
			}
			if len(cfg.VIPs) == 0 {
				return nil
			}
			return farm.Prepare(cfg, facts)
		},
	}
	file.add(cmd)
	return cmd
}

// inspect looks at this machine, for the configuration.
func inspect(cfg *config.Config) (facts health.Facts, list []health.Finding, err error) {
	list = health.OwnAddresses(cfg.Cluster.Binds())
	if len(cfg.VIPs) > 0 {
		if facts, err = health.Inspect(cfg.Interface); err != nil {
			return facts, nil, err
		}
		network, err := findings.NetworkBefore(cfg, facts)
		if err != nil {
			return facts, nil, err
		}
		list = slices.Concat(facts.Findings(cfg.Datapath.XDP), list, network)
	}
	return facts, slices.Concat(list, findings.Of(cfg)), nil
}

// withHolders adds to the findings who has the VIPs already, if this machine could tell
// and they let it start. A daemon that runs looks for itself, and its restart is not to
// wait for this.
func withHolders(ctx context.Context, cfg *config.Config, facts health.Facts, list []health.Finding) ([]health.Finding, error) {
	refused := slices.ContainsFunc(list, func(f health.Finding) bool { return f.Level == health.LevelError })
	if refused || len(cfg.VIPs) == 0 || !facts.Up {
		return list, nil
	}
	left, known, err := host.Recorded(filepath.Join(cfg.RunDir, cfg.Node, host.JournalFile))
	if err != nil || !known || len(left) > 0 {
		return list, err
	}
	holders, err := netcheck.Holders(ctx, cfg)
	return append(list, holders...), err
}

// checked is what check has found, for programs.
type checked struct {
	OK       bool      `json:"ok"` // nothing keeps the daemon from starting
	File     string    `json:"file"`
	Node     string    `json:"node,omitempty"`
	VIPs     int       `json:"vips"`
	Rules    int       `json:"rules"`
	Findings []finding `json:"findings"`
}

// finding is one of them: of the configuration, with its place, or of the machine.
type finding struct {
	Severity string `json:"severity"`       // ok, warn or error
	File     string `json:"file,omitempty"` // or "environment NAME", or "flag"
	Line     int    `json:"line,omitempty"`
	Key      string `json:"key,omitempty"`
	Text     string `json:"text"`
	Cure     string `json:"cure,omitempty"`
}

func newChecked(file string, cfg *config.Config, found []health.Finding) checked {
	c := checked{OK: true, File: file, Node: cfg.Node, VIPs: len(cfg.VIPs), Rules: len(cfg.Rules), Findings: []finding{}}
	for _, f := range found {
		c.Findings = append(c.Findings, finding{Severity: f.Level.String(), Text: f.What, Cure: f.Cure})
		c.OK = c.OK && f.Level != health.LevelError
	}
	return c
}

func (c checked) text(found []health.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ok: %s: node %s, VIPs: %d, rules: %d\n", c.File, c.Node, c.VIPs, c.Rules)
	for _, f := range found {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// showRefused shows with --json why there is nothing to judge; people read that as the
// error.
func showRefused(cmd *cobra.Command, file string, err error) error {
	c := checked{File: file, Findings: []finding{}}
	var problems config.Errors
	if errors.As(err, &problems) {
		for _, p := range problems {
			c.Findings = append(c.Findings, finding{health.LevelError.String(), p.File, p.Line, p.Key, p.Problem, p.Cure})
		}
	} else {
		c.Findings = append(c.Findings, finding{Severity: health.LevelError.String(), Text: err.Error()})
	}
	return show(cmd, c, "")
}
