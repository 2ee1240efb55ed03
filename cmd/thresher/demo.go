package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"thresher/perf/demo"
)

func newDemo() *cobra.Command {
	var nodes int
	var asJSON, hold bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a farm at work inside this machine",
		Long: "Build a farm and a client out of network namespaces inside this machine, send\n" +
			"it real requests, kill a node, show its share move, and take everything away\n" +
			"again. Needs root, and nothing else. With --json, progress goes to standard error\n" +
			"and standard output gets one object.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if nodes < 2 || nodes > 32 {
				return &usageError{fmt.Errorf("--nodes %d: choose from 2 to 32", nodes)}
			}
			binary, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program's file: %w", err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				out = cmd.ErrOrStderr()
			}
			// A terminal that is closed must not leave anything behind either.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
			defer stop()
			result, err := demo.Run(ctx, demo.Options{Binary: binary, Nodes: nodes, Out: out, Hold: hold})
			if err != nil {
				return err
			}
			return showDemo(cmd, result, asJSON)
		},
	}
	cmd.Flags().IntVar(&nodes, "nodes", 3, "how many nodes the farm has, 2 to 32")
	cmd.Flags().BoolVar(&hold, "hold", false, "keep the farm up at the end, and say what to type")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object at the end")
	return cmd
}

func showDemo(cmd *cobra.Command, result demo.Result, asJSON bool) (err error) {
	if asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(result)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "\n%s", result)
	}
	if err == nil && !result.OK {
		err = errors.New("the farm did not do what it should: " + strings.Join(result.Problems(), "; "))
	}
	return err
}
