package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"thresher/config"
)

func newKey(api *string) *cobra.Command {
	var hash string
	cmd := &cobra.Command{
		Use:   "key FILE",
		Short: "Make the farm's secrets and write them to a new file",
		Long: "Make the farm's secrets and write them to a new file that only its owner can\n" +
			"read. Every node of a farm needs the same file: copy it, don't make another.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			function, ok := config.ParseHashFunction(hash)
			if !ok {
				return &usageError{fmt.Errorf("--hash %s: %s", hash, config.HashFunctionCure())}
			}
			if err := makeKeys(args[0], function); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; copy it to every node of the farm\n", args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&hash, "hash", config.Multilinear.String(), "what puts clients into buckets: multilinear, or siphash, which is\nslower and safe from who learns where forged packets go")
	cmd.AddCommand(newKeyRotate(api))
	return cmd
}

func makeKeys(path string, function config.HashFunction) error {
	keys, err := config.NewKeys(rand.Reader)
	if err != nil {
		return err
	}
	keys.Hash.Function = function
	return config.WriteKeys(path, keys)
}
