package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// twoNodes is a farm on paper, for what needs no namespaces.
func twoNodes() *Lab {
	l := &Lab{Dir: "/tmp/x"}
	for i := 1; i <= 2; i++ {
		name := []string{"", "node1", "node2"}[i]
		l.Nodes = append(l.Nodes, &Node{lab: l, number: i, Host: &Host{Name: name, Address: nodeAddress(i), Dir: "/tmp/x/" + name}})
	}
	return l
}

func TestNodeConfig(t *testing.T) {
	tests := []struct {
		name    string
		options FarmOptions
		want    map[string]any
	}{
		{"defaults", FarmOptions{}, map[string]any{
			"rules":   []any{map[string]any{"name": "web", "protocol": "tcp", "ports": []any{80}}},
			"cluster": map[string]any{"insecure": true},
		}},
		{"everything", FarmOptions{TCPPorts: []int{80, 443}, UDPPorts: []int{53}, Affinity: "session", KeyFile: "/tmp/x/key",
			Profile: "fast", Partition: "majority", Offload: "none", XDP: "generic", StopDrain: "1s", Queues: 2}, map[string]any{
			"rules": []any{
				map[string]any{"name": "web", "protocol": "tcp", "ports": []any{80, 443}, "affinity": "session"},
				map[string]any{"name": "udp", "protocol": "udp", "ports": []any{53}, "affinity": "session"},
			},
			"node":     map[string]any{"name": "node2", "stop_drain": "1s"},
			"cluster":  map[string]any{"key_file": "/tmp/x/key", "profile": "fast", "partition": "majority"},
			"datapath": map[string]any{"offload": "none", "xdp": "generic", "queues": 2},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := twoNodes().Nodes[1].NodeConfig(tt.options)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := yaml.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%v in:\n%s", err, text)
			}
			want := map[string]any{
				"node":      map[string]any{"name": "node2"},
				"interface": "eth0",
				"vips":      []any{map[string]any{"address": "198.18.0.100", "mode": "flood"}},
				"default":   "deny",
				"api":       map[string]any{"listen": []any{"unix:///tmp/x/node2/api.sock"}},
				"run_dir":   "/tmp/x/node2",
				"state_dir": "/tmp/x/node2",
			}
			for k, v := range tt.want {
				want[k] = v
			}
			cluster := want["cluster"].(map[string]any)
			cluster["bind"] = "198.18.0.12:7946"
			cluster["join"] = []any{"198.18.0.11:7946", "198.18.0.12:7946"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A script stands for the daemon: it shows what it was given.
func TestStartDaemonAndCLI(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n := l.Nodes[0]
	binary := filepath.Join(l.Dir, "daemon")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho \"$@\" \"$THRESHER_API\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("THRESHER_API", "must not reach the daemon")
	p, err := n.StartDaemon(binary, "node: {name: x}\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Tail(1000), "run --config "+n.ConfigFile(); got != want {
		t.Errorf("the daemon was started with %q, want %q", got, want)
	}
	if b, err := os.ReadFile(n.ConfigFile()); err != nil || string(b) != "node: {name: x}\n" {
		t.Errorf("configuration %q, error %v", b, err)
	}
	out, err := n.CLI(within(t, 5*time.Second), binary, "status", "--json")
	if got, want := strings.TrimSpace(string(out)), "--api unix://"+n.Dir+"/api.sock status --json"; err != nil || got != want {
		t.Errorf("the command was %q, want %q, error %v", got, want, err)
	}
}
