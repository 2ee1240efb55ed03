package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"thresher/farm"
)

func newClean() *cobra.Command {
	var file configFlags
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Take back what a crashed daemon has left on this machine",
		Long: "Take back what a crashed daemon has left on this machine: addresses, sysctls\n" +
			"and interfaces. The next start does it, too.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.load()
			if err != nil {
				return err
			}
			return farm.Clean(cfg, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
		},
	}
	file.add(cmd)
	return cmd
}
