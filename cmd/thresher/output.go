package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// withJSON gives a command --json, which show and said look for.
func withJSON(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("json", false, "print one JSON object")
	return cmd
}

// show prints a command's result: v with --json, else the text.
func show(cmd *cobra.Command, v any, text string) error {
	if wantsJSON(cmd) {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
	}
	_, err := io.WriteString(cmd.OutOrStdout(), text)
	return err
}

func wantsJSON(cmd *cobra.Command) bool {
	wanted, err := cmd.Flags().GetBool("json") // an error where the command has no such flag
	return err == nil && wanted
}

// message is the result of a command that has no more to say than that it is done.
type message struct {
	Message string `json:"message"`
}

// said prints what was done, unless that failed.
func said(cmd *cobra.Command, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	text := fmt.Sprintf(format, args...)
	return show(cmd, message{text}, text+"\n")
}
