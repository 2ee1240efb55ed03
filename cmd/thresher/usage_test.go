package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"thresher/console"
)

// Flags that exclude one another are wrong usage, and said so in words of ours.
func TestFlagsThatExcludeOneAnother(t *testing.T) {
	for line, flags := range map[string]string{
		"start --node a --all":     "--all and --node",
		"stop --force --all":       "--all and --force",
		"status --farm --node n1":  "--farm and --node",
		"restart --all --node web": "--all and --node",
	} {
		root := newRoot()
		root.SetArgs(strings.Fields(line))
		root.SetOut(new(bytes.Buffer))
		err := root.Execute()
		if exitCode(err) != exitUsage || !strings.Contains(fmt.Sprint(err), flags+" exclude one another") {
			t.Errorf("%s: exit code %d, %v", line, exitCode(err), err)
		}
	}
}

// What the daemon says of the configuration is exit code 2, of the machine 1.
func TestExitCodeOfWhatTheDaemonSays(t *testing.T) {
	for code, want := range map[string]int{
		console.CodeBadConfiguration: exitUsage, console.CodeBadRequest: exitUsage, console.CodeNotFound: exitUsage,
		console.CodeConflict: exitFailed, console.CodeUnreachable: exitFailed,
	} {
		if got := exitCode(errors.Join(&console.Error{Code: code})); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}

func TestVersionFlag(t *testing.T) {
	var texts []string
	for _, line := range []string{"--version", "version"} {
		root, out := newRoot(), new(bytes.Buffer)
		root.SetArgs([]string{line})
		root.SetOut(out)
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, out.String())
	}
	if texts[0] != texts[1] || !strings.HasPrefix(texts[0], "thresher ") {
		t.Errorf("%q", texts)
	}
}
