package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
			function, err := hashFunction(hash)
			if err != nil {
				return err
			}
			keys, err := makeKeys(function)
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
	addHash(cmd.Flags(), &hash)
	cmd.AddCommand(newKeyRotate(api))
	return cmd
}

// addHash adds the choice of a new farm's hash function.
func addHash(f *pflag.FlagSet, hash *string) {
	f.StringVar(hash, "hash", config.Multilinear.String(), "what puts clients into buckets: multilinear, or siphash, which is\nslower and safe from who learns where forged packets go")
}

// hashFunction is the one of that name.
func hashFunction(name string) (config.HashFunction, error) {
	function, ok := config.ParseHashFunction(name)
	if !ok {
		return function, &usageError{fmt.Errorf("--hash %s: %s", name, config.HashFunctionCure())}
	}
	return function, nil
}

// makeKeys makes a farm's secrets.
func makeKeys(function config.HashFunction) (config.Keys, error) {
	keys, err := config.NewKeys(rand.Reader)
	keys.Hash.Function = function
	return keys, err
}
