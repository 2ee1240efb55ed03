package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/farm"
	"thresher/farm/trial"
	"thresher/health"
	"thresher/internal/logqueue"
)

// logPatience is how long a log that nobody reads holds up the end of the daemon.
const logPatience = time.Second

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
			return file.run(cmd, os.Args, handOver)
		},
	}
	file.add(cmd)
	cmd.Flags().BoolVar(&handOver, "hand-over", false,
		"at the end leave everything in place, for a process that starts at once to go on with")
	return cmd
}

// run runs the daemon. args is the command line by which it can be run anew.
func (f *configFlags) run(cmd *cobra.Command, args []string, handOver bool) error {
	// A crash ends by SIGABRT and not with Go's exit code 2, which is that of a wrong
	// configuration: then a service manager does not start the daemon again.
	debug.SetTraceback("crash")
	queue := logqueue.New(cmd.ErrOrStderr())
	defer queue.Close(logPatience)
	log := slog.New(slog.NewTextHandler(queue, nil))
	once := func() error { return f.runOnce(cmd, log, args, handOver, queue) }
	err := once()
	if err == nil || cmd.Context().Err() != nil {
		return err
	}
	back, failure := trial.FallBack(f.path, err)
	if !back || failure != nil {
		return errors.Join(err, failure)
	}
	log.Error("this node goes back to the configuration before", "why", err)
	return once()
}

func (f *configFlags) runOnce(cmd *cobra.Command, log *slog.Logger, args []string, handOver bool, queue *logqueue.Queue) error {
	cfg, err := f.loadForStart(cmd.Context(), log)
	if err != nil {
		return err
	}
	self, err := f.self(args)
	if err != nil {
		return err
	}
	self.HandOver, self.Flush = handOver, queue.Flush
	err = farm.Run(cmd.Context(), cfg, log, self)
	if errors.Is(err, health.ErrNoInterface) {
		return &machineError{err}
	}
	return err
}

// self is how the daemon can run its program anew.
func (f *configFlags) self(args []string) (farm.Self, error) {
	program, err := os.Executable()
	if err != nil {
		return farm.Self{}, fmt.Errorf("find this program's file: %w", err)
	}
	check := []string{"check", "--config", f.path}
	for _, pair := range f.set {
		check = append(check, "--set", pair)
	}
	return farm.Self{
		Program: program, Args: args, Check: check, File: f.path, Load: f.loadForThisMachine, Parse: f.parseForThisMachine,
	}, nil
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

// parseForThisMachine is loadForThisMachine of another text.
func (f *configFlags) parseForThisMachine(text []byte) (*config.Config, error) {
	o := config.Options{Interface: health.FindInterface}
	if err := f.override(&o); err != nil {
		return nil, err
	}
	return config.Parse(f.path, text, o)
}

// override takes what the flags set.
func (f *configFlags) override(o *config.Options) error {
	o.Set = make(map[string]string)
	for _, pair := range f.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return &usageError{fmt.Errorf("flag --set: %q is not KEY=VALUE; write it as in --set datapath.xdp=generic", pair)}
		}
		o.Set[key] = value
	}
	return nil
}

func (f *configFlags) loadWith(o config.Options) (*config.Config, error) {
	if err := f.override(&o); err != nil {
		return nil, err
	}
	cfg, err := config.Load(f.path, o)
	if err != nil {
		return nil, &usageError{err}
	}
	return cfg, nil
}
