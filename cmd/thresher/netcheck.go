package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"thresher/farm/netcheck"
	"thresher/health"
)

func newNetcheck() *cobra.Command {
	var file configFlags
	var d time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "netcheck",
		Short: "Check the network before the farm goes live",
		Long: "Check whether the network brings frames for the VIPs to every node and keeps doing\n" +
			"so, and whether anybody else answers for a VIP. Run it on every node at once; nodes\n" +
			"whose daemon runs take part anyway. It changes nothing. Needs root, or CAP_NET_RAW.",
		Example: "  thresher netcheck                 on each node, within a few seconds\n  thresher netcheck --for 5m --json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d < netcheck.Shortest {
				return &usageError{fmt.Errorf("flag --for: %v is too short to tell anything; use %v or more", d, netcheck.Shortest)}
			}
			cfg, err := file.loadForThisMachine()
			if err != nil {
				return err
			}
			if len(cfg.VIPs) == 0 {
				return &usageError{fmt.Errorf("%s: there is nothing to check: vips is empty", file.path)}
			}
			facts, err := health.Inspect(cfg.Interface)
			if err != nil {
				return err
			}
			result, err := netcheck.Run(cmd.Context(), cfg, facts, d)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(result)
			} else {
				_, err = io.WriteString(cmd.OutOrStdout(), result.Text())
			}
			if err == nil && !result.OK {
				err = errors.New("the network does not do what this farm needs: see the errors above")
			}
			return err
		},
	}
	file.add(cmd)
	cmd.Flags().DurationVar(&d, "for", netcheck.DefaultFor, "how long to look")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
