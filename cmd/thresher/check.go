package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"thresher/farm"
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
			cfg, err := file.loadForThisMachine()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "ok: %s: node %s, VIPs: %d, rules: %d\n", file.path, cfg.Node, len(cfg.VIPs), len(cfg.Rules))
			findings := health.OwnAddresses(cfg.Cluster.Binds())
			var facts health.Facts
			if len(cfg.VIPs) > 0 {
				if facts, err = health.Inspect(cfg.Interface); err != nil {
					return err
				}
				findings = slices.Concat(facts.Findings(cfg.Datapath.XDP), findings, facts.Addresses(cfg.VIPs), farm.ForwardFindings(cfg), farm.RuleFindings(cfg))
			}
			failed := false
			for _, f := range slices.Concat(findings, farm.APIFindings(cfg), farm.HealthURLFindings(cfg)) {
				fmt.Fprintln(cmd.OutOrStdout(), f)
				failed = failed || f.Level == health.LevelError
			}
			if failed {
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
