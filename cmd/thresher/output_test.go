package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// What a command prints with --json is one value, for every command that needs no
// daemon.
func TestResultsAsJSON(t *testing.T) {
	dir := t.TempDir()
	users, nlb := filepath.Join(dir, "users"), filepath.Join(dir, "nlb.txt")
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("node: {name: web1}\nnonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keepalived := "virtual_server 192.0.2.100 80 {\n  protocol TCP\n  lb_algo rr\n  real_server 192.0.2.11 80 {\n  }\n}\n"
	if err := os.WriteFile(nlb, []byte(keepalived), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line, want string
		code       int
	}{
		{"version", `{"version":"`, exitDone},
		{"module list", `"name":"nginx"`, exitDone},
		{"module show nginx", `"settings":[`, exitDone},
		{"token add prometheus --users " + users, `{"token":"`, exitDone},
		{"token list --users " + users, `"name":"prometheus","role":"monitor","expires":"`, exitDone},
		{"user list --users " + users, `[]`, exitDone},
		{"token remove prometheus --users " + users, `{"message":"the token prometheus counts no longer"}`, exitDone},
		{"convert keepalived --node web1 --interface eth0 --bind 192.0.2.11 " + nlb, `"config":"`, exitDone},
		{"check --config " + bad, `{"severity":"error","file":"` + bad + `","line":2,"key":"nonsense","text":"unknown key`, exitUsage},
	} {
		root, out := newRoot(), new(bytes.Buffer)
		root.SetArgs(append(strings.Fields(tt.line), "--json"))
		root.SetOut(out)
		root.SetErr(new(bytes.Buffer))
		err := root.Execute()
		if exitCode(err) != tt.code {
			t.Errorf("%s: exit code %d, %v", tt.line, exitCode(err), err)
		}
		var one any
		d := json.NewDecoder(bytes.NewReader(out.Bytes()))
		if err := d.Decode(&one); err != nil || d.More() {
			t.Errorf("%s: not one JSON value (%v):\n%s", tt.line, err, out)
		}
		if !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: no %s in\n%s", tt.line, tt.want, out)
		}
	}
}

// Whatever has a result prints it as JSON, too: what is left out makes files or keys,
// or has nothing to print but help.
func TestEveryResultIsToBeHadAsJSON(t *testing.T) {
	without := map[string]bool{
		"run": true, "clean": true, "key": true, "notify": true, "man": true, "capture": true,
		"completion bash": true, "completion fish": true, "completion powershell": true, "completion zsh": true, "help": true, "module init": true, "module install": true, "notify test": true,
	}
	var walk func(cmd *cobra.Command, path string)
	walk = func(cmd *cobra.Command, path string) {
		for _, sub := range cmd.Commands() {
			at := strings.TrimSpace(path + " " + sub.Name())
			if without[at] && !sub.HasSubCommands() {
				continue
			}
			if sub.HasSubCommands() {
				walk(sub, at)
			} else if sub.Flags().Lookup("json") == nil {
				t.Errorf("%s has no --json", at)
			}
		}
	}
	walk(newRoot(), "")
}
