package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"thresher/config"
)

func newKey(api *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key FILE",
		Short: "Make the farm's secrets and write them to a new file",
		Long: "Make the farm's secrets and write them to a new file that only its owner can\n" +
			"read. Every node of a farm needs the same file: copy it, don't make another.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := config.NewKeys(rand.Reader)
			if err != nil {
				return err
			}
			if err := config.WriteKeys(args[0], keys); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; copy it to every node of the farm\n", args[0])
			return err
		},
	}
	cmd.AddCommand(newKeyRotate(api))
	return cmd
}
