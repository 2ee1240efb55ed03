package config

import (
	"fmt"
	"strings"
	"testing"

	"thresher/internal/golden"
)

// The reference in docs/ is what the schema says.
func TestReferenceIsCurrent(t *testing.T) {
	const path = "../docs/configuration.md"
	got := reference(t)
	golden.Compare(t, path, got)
}

func TestEveryKeyIsDescribed(t *testing.T) {
	texts := descriptions()
	for _, k := range Schema() {
		if k.Description == "" {
			t.Errorf("config/describe.go says nothing of %s", k.Path)
		}
		delete(texts, k.Path)
	}
	for path := range texts {
		t.Errorf("config/describe.go describes %s, which there is not", path)
	}
}

func TestWordsOfKeys(t *testing.T) {
	for path, want := range map[string]string{"rules[].mode": "shared single block", "default": "deny pass single", "checks[].action": "restart stopstart stop wait none", "node.name": ""} {
		if got := strings.Join(Words(path), " "); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// reference writes the table of all keys.
func reference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("# Configuration reference\n\n" +
		"Every key of the configuration file, in its order. This page is made of the program's own schema (`just reference`).\n" +
		"`deploy/thresher.yaml` is an example with more words. `[]` stands for each entry of a list; durations have a unit (`500ms`,\n" +
		"`10s`, `24h`). Everything outside lists of keys can be set by the environment (`THRESHER_CLUSTER_PROFILE=lan`) and by\n" +
		"`--set cluster.profile=lan`; a `THRESHER_` variable that sets no key, or is empty, is refused. `thresher check` tells what is wrong with a file, where, and what to write instead.\n\n" +
		"| key | value | default | |\n|---|---|---|---|\n")
	for _, k := range Schema() {
		value, otherwise := k.Type, k.Default
		if k.Words != nil {
			value = "`" + strings.Join(k.Words, "`, `") + "`"
		}
		if otherwise != "" {
			otherwise = "`" + otherwise + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Path, value, otherwise, k.Description)
	}
	return b.String()
}
