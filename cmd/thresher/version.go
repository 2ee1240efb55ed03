package main

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// release is the version of the package that the program is part of; its build sets
// it by -ldflags. Empty where the program was built by itself.
var release string

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the program's version",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			text := versionText(release, info)
			return show(cmd, struct {
				Version string `json:"version"`
			}{strings.TrimPrefix(text, "thresher ")}, text+"\n")
		},
	}
}

// versionText says what the build recorded of itself, under the package's version if
// there is one. A program built outside a module has no info.
func versionText(release string, info *debug.BuildInfo) string {
	version, revision := cmp.Or(release, "(unknown)"), ""
	if info != nil {
		version = cmp.Or(release, info.Main.Version)
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
