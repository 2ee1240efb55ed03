package vm

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/perf/lab"
)

// patience is how long something may take on an emulated machine that a real one
// does at once.
const patience = 4 * time.Minute

// node is a machine that the program runs on.
type node struct {
	*Machine
	t      *testing.T
	ctx    context.Context
	daemon int // its process's number
	// program and api are how the daemon is asked.
	program, api string
}

// boot starts a machine with its servers.
func boot(t *testing.T, ctx context.Context, l *lab.Lab, place *lab.Node, o Options) *node {
	t.Helper()
	started := time.Now()
	m, err := Start(ctx, l, place, o)
	must(t, err)
	t.Logf("%s: Linux %s booted in %v", place.Name, o.Kernel.Release, time.Since(started).Round(100*time.Millisecond))
	n := newNode(t, ctx, m)
	_, err = n.Start(ctx, "/init", "serve", n.Name)
	must(t, err)
	return n
}

// newNode is a machine whose end of the console is shown if the test fails.
func newNode(t *testing.T, ctx context.Context, m *Machine) *node {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", m.Name, m.Said())
		}
	})
	return &node{Machine: m, t: t, ctx: ctx, program: "/thresher", api: "unix://" + m.Socket()}
}

// newKey is a farm's key.
func newKey(t *testing.T) []byte {
	t.Helper()
	keys, err := config.NewKeys(rand.Reader)
	must(t, err)
	path := filepath.Join(t.TempDir(), "key")
	must(t, config.WriteKeys(path, keys))
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// start starts the daemon with a configuration.
func (n *node) start(yaml string, key []byte) {
	n.t.Helper()
	must(n.t, n.Write(n.ctx, n.ConfigFile(), 0o600, []byte(yaml)))
	must(n.t, n.Write(n.ctx, keyFile, 0o600, key))
	pid, err := n.Machine.Start(n.ctx, "/thresher", "run", "--config", n.ConfigFile())
	must(n.t, err)
	n.daemon = pid
}

// keyFile is where the key is in the machines.
const keyFile = "/root/key"

// status is what `thresher status --json` says.
func (n *node) status() (s console.Status, err error) {
	out, err := n.Run(n.ctx, n.program, "--api", n.api, "status", "--json")
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	return s, err
}

// serves waits until the nodes share all buckets, in the eyes of each.
func serves(nodes ...*node) (last console.Status) {
	t := nodes[0].t
	t.Helper()
	seen := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		mine, of, up := 0, 0, 0
		seen = ""
		for _, n := range nodes {
			s, err := n.status()
			if err != nil {
				seen += err.Error() + "\n"
				continue
			}
			if len(s.Rules) > 0 && s.State == console.Up {
				up, mine, of, last = up+1, mine+s.Rules[0].Mine, s.Rules[0].Buckets, s
			}
			seen += fmt.Sprintf("%s %s, view %v, rules %v\n", n.Name, s.State, s.View, s.Rules)
		}
		if up == len(nodes) && mine == of {
			return last
		}
	}
	t.Fatalf("%d nodes do not share the farm after %v:\n%s", len(nodes), patience, seen)
	return last
}

// url is the VIP's web server.
func url() string { return "http://" + netip.AddrPortFrom(lab.VIP(), 80).String() + "/" }

// visit asks the VIP once, on a connection of its own.
func visit(ctx context.Context, client *lab.Host) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url(), nil)
	if err != nil {
		return "", err
	}
	return answer(client, request)
}

// upload sends so many random bytes, and holds that they arrived.
func upload(t *testing.T, ctx context.Context, client *lab.Host, size int) time.Duration {
	t.Helper()
	body := make([]byte, size)
	_, _ = rand.Read(body) // It never fails.
	started := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url(), bytes.NewReader(body))
	must(t, err)
	got, err := answer(client, request)
	must(t, err)
	if want := fmt.Sprintf("%x", sha256.Sum256(body)); got != want {
		t.Errorf("%d bytes with sum %s were sent, the server says %q", size, want, got)
	}
	return time.Since(started)
}

// answer is what the server says to a request.
func answer(client *lab.Host, request *http.Request) (string, error) {
	web := client.HTTPClient(netip.Addr{})
	web.Timeout = patience
	defer web.CloseIdleConnections()
	response, err := web.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(b)), err
}

// vmac is the VIP's shared Ethernet address.
func vmac() config.MAC { return config.FloodMAC(lab.VIP()) }
