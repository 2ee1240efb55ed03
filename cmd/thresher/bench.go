package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"thresher/perf/bench"
	"thresher/perf/report"
)

func newBench() *cobra.Command {
	var o bench.Options
	var asJSON bool
	var dir string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this program beside what does the same without it",
		Long:  benchHelp(),
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := o.Check(); err != nil {
				return &usageError{err}
			}
			if o.Binary, err = os.Executable(); err != nil {
				return fmt.Errorf("find this program's file: %w", err)
			}
			info, _ := debug.ReadBuildInfo()
			o.Version, o.Progress = versionText(release, info), cmd.ErrOrStderr()
			measured, err := bench.Run(cmd.Context(), o)
			if err != nil && (measured == nil || len(measured.Scenarios) == 0) {
				return err
			}
			return errors.Join(showBench(cmd, measured, asJSON, dir), err) // also what an interrupted run has
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Scenarios, "scenario", nil, "only these scenarios, separated by commas")
	f.StringSliceVar(&o.Engines, "engine", nil, "only these engines, separated by commas")
	f.IntVar(&o.Runs, "runs", 24, "at most how often each engine is measured; many short runs, for their ratios vary least")
	f.DurationVar(&o.Time, "time", 100*time.Millisecond, "how long one measurement takes")
	f.BoolVar(&asJSON, "json", false, "print one JSON object instead of tables")
	f.StringVar(&dir, "out", "", "also write bench.html and bench.json into this directory")
	return cmd
}

func benchHelp() string {
	var b strings.Builder
	b.WriteString("Build labs out of network namespaces inside this machine, set up engines that give\n" +
		"a node its packets, and measure them in alternation. Prints medians, spreads and\n" +
		"ratios. Needs root; some engines need nft, iptables, nginx or wrk, and it says so.\n" +
		"All of it takes some twenty minutes, on a machine that should do nothing else.\n\nScenarios:\n")
	for _, s := range bench.Scenarios() {
		fmt.Fprintf(&b, "  %-10s %s\n", s, bench.Describe(s))
	}
	fmt.Fprintf(&b, "\nEngines: %s.\n", strings.Join(bench.Engines(), ", "))
	return b.String()
}

// showBench prints the report, writes it to dir if there is one, and fails if
// something in it has.
func showBench(cmd *cobra.Command, r *report.Report, asJSON bool, dir string) (err error) {
	if dir != "" {
		err = writeBench(r, dir)
	}
	if asJSON {
		err = errors.Join(err, r.WriteJSON(cmd.OutOrStdout()))
	} else {
		err = errors.Join(err, r.WriteTable(cmd.OutOrStdout()))
	}
	if failures := r.Failures(); len(failures) > 0 {
		err = errors.Join(err, fmt.Errorf("not everything could be measured: %s", strings.Join(failures, "; ")))
	}
	return err
}

func writeBench(r *report.Report, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory for the report: %w", err)
	}
	for name, write := range map[string]func(*os.File) error{
		"bench.html": func(f *os.File) error { return r.WriteHTML(f) },
		"bench.json": func(f *os.File) error { return r.WriteJSON(f) },
	} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		if err := errors.Join(write(f), f.Close()); err != nil {
			return fmt.Errorf("write the report %s: %w", f.Name(), err)
		}
	}
	return nil
}
