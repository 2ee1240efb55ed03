package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/farm"
)

func newClean() *cobra.Command {
	var file configFlags
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Take back what a crashed daemon has left on this machine",
		Long: "Take back what crashed daemons have left on this machine: addresses, sysctls and\n" +
			"interfaces of each node that has been run with the configuration's run_dir and\n" +
			"does not run now. The next start of a node does it, too. Without a usable file\n" +
			"it goes by --set run_dir=DIR, THRESHER_RUN_DIR or " + config.DefaultRunDir + ".",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			what, err := file.cleaning(cmd)
			if err != nil {
				return err
			}
			nodes, err := farm.Clean(what, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
			for _, node := range nodes {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: taken back\n", node)
			}
			if err == nil && len(nodes) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "nothing to take back in %s\n", what.RunDir)
			}
			return err
		},
	}
	file.add(cmd)
	return cmd
}

// cleaning is what the configuration says of it. Where it is broken or gone, run_dir is
// all that is needed.
func (f *configFlags) cleaning(cmd *cobra.Command) (farm.Cleaning, error) {
	var o config.Options
	if err := f.override(&o); err != nil {
		return farm.Cleaning{}, err
	}
	cfg, err := config.Load(f.path, o)
	if err == nil {
		return farm.Cleaning{RunDir: cfg.RunDir, Node: cfg.Node, Socket: cfg.API.Socket}, nil
	}
	dir := cmp.Or(o.Set["run_dir"], os.Getenv("THRESHER_RUN_DIR"), config.DefaultRunDir)
	fmt.Fprintf(cmd.ErrOrStderr(), "%sthresher: going by %s without it\n", errorText(err), dir)
	return farm.Cleaning{RunDir: dir, Socket: filepath.Join(dir, filepath.Base(config.DefaultSocket))}, nil
}
