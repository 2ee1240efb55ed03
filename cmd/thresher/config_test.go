package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"thresher/console"
)

// tryingDaemon answers as one that tries a configuration whose trial ends like that.
func tryingDaemon(t *testing.T, out console.ConfigOutcomes, end console.Trial) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "thr") // t.TempDir has the test's name in it, and sun_path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "api.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	say := func(what any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(what) }
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/config", say(console.Configuration{ETag: `"1"`}))
	mux.HandleFunc("PUT /v1/config", say(out))
	mux.HandleFunc("GET /v1/trial", say(end))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = s.Serve(l) }() // until it is closed
	t.Cleanup(func() { s.Close() })
	return socket
}

// A program that applies a configuration reads one value, in which the trial is, too.
func TestApplyPrintsOneJSONValue(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new.yaml")
	if err := os.WriteFile(file, []byte("node: {name: web1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := console.ConfigOutcomes{ID: "x", Nodes: []console.ConfigOutcome{{Name: "web1", Reload: &console.Reload{}}}}
	refused := console.ConfigOutcomes{Nodes: []console.ConfigOutcome{{Name: "web1", Error: &console.Error{Code: console.CodeBadConfiguration, Message: "no"}}}}
	for _, tt := range []struct {
		name  string
		out   console.ConfigOutcomes
		end   console.Trial
		state string // of the trial that is printed; empty for none
		code  int
	}{
		{"kept", begun, console.Trial{ID: "x", State: console.TrialKept}, console.TrialKept, exitDone},
		{"undone", begun, console.Trial{ID: "x", State: console.TrialUndone, Reason: "worse"}, console.TrialUndone, exitFailed},
		{"another's", begun, console.Trial{ID: "y", State: console.TrialKept}, "", exitFailed},
		{"refused", refused, console.Trial{}, "", exitFailed},
	} {
		root, said := newRoot(), new(bytes.Buffer)
		root.SetArgs([]string{"config", "apply", file, "--json", "--api", tryingDaemon(t, tt.out, tt.end)})
		root.SetOut(said)
		root.SetErr(new(bytes.Buffer))
		if err := root.Execute(); exitCode(err) != tt.code {
			t.Errorf("%s: exit code %d, %v", tt.name, exitCode(err), err)
		}
		var got struct {
			ID    string
			Nodes []console.ConfigOutcome
			Trial console.Trial
		}
		d := json.NewDecoder(bytes.NewReader(said.Bytes()))
		if err := d.Decode(&got); err != nil || d.More() {
			t.Errorf("%s: not one JSON value (%v):\n%s", tt.name, err, said)
		}
		if got.ID != tt.out.ID || len(got.Nodes) != 1 || got.Trial.State != tt.state {
			t.Errorf("%s: %s", tt.name, said)
		}
	}
}
