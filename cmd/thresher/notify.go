package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"thresher/health/notify"
)

// notifyPatience is how long one who is notified may take.
const notifyPatience = 30 * time.Second

func newNotify() *cobra.Command {
	var file configFlags
	test := &cobra.Command{
		Use:   "test",
		Short: "Send a message to all who are notified",
		Long:  "Send a message to all whom the configuration names, at once and from here, and\nsay how that went.",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.load()
			if err != nil {
				return err
			}
			if len(cfg.Notify) == 0 {
				return &usageError{fmt.Errorf("%s: notify: names nobody: add an entry of type email, webhook or exec", file.path)}
			}
			message := notify.Message{Time: time.Now(), Node: cfg.Node, Kind: "test", Level: "info", Message: "this is a test"}
			var errs []error
			for _, n := range cfg.Notify {
				s := notify.NewSender(n)
				ctx, cancel := context.WithTimeout(cmd.Context(), notifyPatience)
				err := s.Send(ctx, []notify.Message{message})
				cancel()
				if err != nil {
					errs = append(errs, fmt.Errorf("%v: %w", s, err))
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "ok: %v\n", s)
			}
			return errors.Join(errs...)
		},
	}
	file.add(test)
	cmd := &cobra.Command{Use: "notify", Short: "Try who is told what happens", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), &usageError{errors.New("no command given")})
		}}
	cmd.AddCommand(test)
	return cmd
}
