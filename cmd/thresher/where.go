package main

import (
	"github.com/spf13/cobra"

	"thresher/console"
)

func newWhere(api *string) *cobra.Command {
	var rule string
	cmd := &cobra.Command{
		Use:   "where CLIENT[:PORT]",
		Short: "Tell which node serves a client, and by which bucket",
		Long: "Tell which node serves a client, and by which bucket. By a rule with affinity session\n" +
			"that takes the port, too. With several rules and no --rule there is a line by each,\n" +
			"with --json a list.",
		Example: "  thresher where 192.0.2.7:40000 --rule web\n  thresher where [2001:db8::7]:40000",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, port, err := console.ParseClient(args[0])
			if err != nil {
				return &usageError{err}
			}
			return withClient(*api, func(c *console.Client) error {
				answer, err := c.Where(cmd.Context(), client, port, rule)
				if err != nil {
					return err
				}
				if len(answer) == 1 {
					return show(cmd, answer[0], console.WhereText(answer))
				}
				return show(cmd, answer, console.WhereText(answer))
			})
		},
	}
	cmd.Flags().StringVar(&rule, "rule", "", "the rule that the client comes by; without it, each that there is")
	return cmd
}
