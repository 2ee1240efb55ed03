package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// mentions finds what a page calls commands of the program: in code, within a line or
// at the beginning of one.
var mentions = regexp.MustCompile("(?m)(?:`|^ *)thresher ([a-z][^`\n#]*)")

// Every command and flag that the pages mention is there. internal/manual runs the
// blocks of commands; this is about those within sentences and tables, too.
func TestPagesMentionWhatIsThere(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md", "../../SECURITY.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mentions.FindAllStringSubmatch(string(text), -1) {
			found++
			if wrong := unknown(m[1]); wrong != "" {
				t.Errorf("%s: `thresher %s`: there is no %s", filepath.Base(page), m[1], wrong)
			}
		}
	}
	if found < 100 {
		t.Errorf("%d mentions were found: the pages have more", found)
	}
}

// unknown is the first word or flag of a command line that the program does not have;
// "" if it has all.
func unknown(line string) string {
	cmd := newRoot()
	for word := range strings.FieldsSeq(line) {
		word = strings.Trim(word, "[]().,;")
		if name, ok := strings.CutPrefix(word, "--"); ok {
			name, _, _ = strings.Cut(name, "=")
			if cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
				return word
			}
			continue
		}
		if !cmd.HasSubCommands() {
			continue // an argument
		}
		for one := range strings.SplitSeq(word, "|") { // add|remove|list
			next := child(cmd, one)
			switch {
			case next != nil && one == word:
				cmd = next
			case next == nil && (cmd.Args == nil || cmd.Args(cmd, []string{one}) != nil):
				return word
			}
		}
	}
	return ""
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

func TestUnknown(t *testing.T) {
	for line, want := range map[string]string{
		"status --json": "", "drain [--deadline 10m]": "", "user add|passwd|list": "", "key /etc/thresher/key": "", "key rotate --abort": "",
		"init --web=127.0.0.1:9454": "", "frobnicate": "frobnicate", "status --jason": "--jason", "user add|grow": "add|grow",
	} {
		if got := unknown(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
