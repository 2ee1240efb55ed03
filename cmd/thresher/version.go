package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the program's version",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText(info))
			return err
		},
	}
}

// versionText says what the build recorded of itself. A program built outside a
// module has no info.
func versionText(info *debug.BuildInfo) string {
	version, revision := "(unknown)", ""
	if info != nil {
		version = info.Main.Version
		revision = commit(info.Settings)
	}
	words := []string{"thresher", version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if revision != "" {
		words = append(words, revision)
	}
	return strings.Join(words, " ")
}

// commit names the commit that the program was built from, if the build knew it.
func commit(settings []debug.BuildSetting) string {
	var revision, modified string
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = " with local changes"
			}
		}
	}
	if revision == "" {
		return ""
	}
	return "commit " + revision + modified
}
