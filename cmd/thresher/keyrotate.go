package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"thresher/console"
)

func newKeyRotate(api *string) *cobra.Command {
	var status, abort, leaveBehind, asJSON bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Take the whole farm to another gossip key, without a restart",
		Long: "Take all nodes of the farm to another gossip key: each learns it, then each uses it,\n" +
			"then each forgets the old one; a phase begins when every node has confirmed the one\n" +
			"before. No connection notices, and no bucket moves. A change that stops half way\n" +
			"cuts nobody off: run this again to go on, or with --abort to go back. The hash key\n" +
			"stays.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status && (abort || leaveBehind) {
				return &usageError{errors.New("--status changes nothing: give it alone, or with --json")}
			}
			return withClient(*api, func(c *console.Client) (err error) {
				var report console.KeyReport
				if status {
					report, err = c.KeyReport(cmd.Context())
				} else {
					report, err = c.ChangeKeys(cmd.Context(), abort, leaveBehind)
				}
				switch {
				case err != nil:
					return err
				case asJSON:
					return json.NewEncoder(cmd.OutOrStdout()).Encode(report)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), console.KeyText(report))
				return err
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&status, "status", false, "only show how far each node of the farm is, and which keys it has, by their ids")
	f.BoolVar(&abort, "abort", false, "go back to the old key, as long as every node has it")
	f.BoolVar(&leaveBehind, "leave-behind", false, "go on without nodes that do not answer: they need the key file copied before they start")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
