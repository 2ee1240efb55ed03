package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"thresher/console"
)

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
