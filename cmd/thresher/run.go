package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/farm"
	"thresher/health"
)

func newRun() *cobra.Command {
	var file configFlags
	var handOver bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run this machine's node of the farm",
		Long: "Run this machine's node of the farm until SIGTERM or SIGINT, and leave the\n" +
			"machine as it was. Needs root, or CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and\n" +
			"CAP_PERFMON.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.loadForThisMachine()
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			self, err := file.self()
			if err != nil {
				return err
			}
			self.HandOver = handOver
			return farm.Run(cmd.Context(), cfg, log, self)
		},
	}
	file.add(cmd)
	cmd.Flags().BoolVar(&handOver, "hand-over", false,
		"at the end leave everything in place, for a process that starts at once to go on with")
	return cmd
}

// self is how the daemon can run its program anew.
func (f *configFlags) self() (farm.Self, error) {
	program, err := os.Executable()
	if err != nil {
		return farm.Self{}, fmt.Errorf("find this program's file: %w", err)
	}
	check := []string{"check", "--config", f.path}
	for _, pair := range f.set {
		check = append(check, "--set", pair)
	}
	return farm.Self{Program: program, Args: os.Args, Check: check, Load: f.loadForThisMachine}, nil
}

// configFlags name the configuration file, and what stands above it.
type configFlags struct {
	path string
	set  []string
}

func (f *configFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.path, "config", "/etc/thresher/thresher.yaml", "the configuration file")
	// An array, since pflag's maps and slices split at commas, which lists have.
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "set `KEY=VALUE` above file and environment, such as datapath.xdp=generic")
}

// loadForThisMachine is load, and refuses an interface that the machine does not
// have where the file names it.
func (f *configFlags) loadForThisMachine() (*config.Config, error) {
	return f.loadWith(config.Options{Interface: health.FindInterface})
}

// load reads the configuration; what is wrong with it is wrong usage.
func (f *configFlags) load() (*config.Config, error) {
	return f.loadWith(config.Options{})
}

func (f *configFlags) loadWith(o config.Options) (*config.Config, error) {
	o.Set = make(map[string]string)
	for _, pair := range f.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, &usageError{fmt.Errorf("flag --set: %q is not KEY=VALUE; write it as in --set datapath.xdp=generic", pair)}
		}
		o.Set[key] = value
	}
	cfg, err := config.Load(f.path, o)
	if err != nil {
		return nil, &usageError{err}
	}
	return cfg, nil
}
