package farm_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/console"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// backendConfig is of a node behind a balancer: as little as that needs.
const backendConfig = `node: {name: NAME, stop_drain: 1s}
vips: []
cluster: {bind: ADDRESS, join: [PEERS], key_file: KEY}
services:
  - {name: nginx, start: [START], stop: [STOP], process: {pid_file: PID}, start_timeout: 10s, stop_timeout: 5s}
checks:
  - {name: http, type: http, target: "http://127.0.0.1/", interval: 200ms, timeout: 300ms, rise: 2, fall: 2}
health_listen: ADDRESS:9010
api: {listen: ["unix://SOCKET"]}
run_dir: DIR
state_dir: DIR
`

// balancerConfig is of HAProxy in front of them. It knows of the nodes by their health
// URLs alone, hides no failure, and keeps no connection for later.
const balancerConfig = `defaults
	mode http
	retries 0
	option httpclose
	timeout connect 1s
	timeout client 10s
	timeout server 1s
frontend web
	bind ADDRESS:8080
	default_backend nodes
backend nodes
	balance roundrobin
	option httpchk GET /health
`

// newBackends starts nodes without VIPs, whose daemons start nginx and check it, and a
// balancer in front of them on the client's machine.
func newBackends(t *testing.T, nodes int) *healthFarm {
	t.Helper()
	for _, program := range []string{"/usr/sbin/nginx", "/usr/sbin/haproxy"} {
		if _, err := os.Stat(program); err != nil {
			leftout.Skip(t, program+" is not installed")
		}
	}
	f := &healthFarm{newFarm(t, lab.Config{Nodes: nodes}, lab.FarmOptions{}), make(map[string]lab.Commands)}
	var peers []string
	for _, n := range f.Nodes {
		peers = append(peers, n.Address.String())
	}
	balancer := strings.ReplaceAll(balancerConfig, "ADDRESS", f.Client.Address.String())
	for _, n := range f.Nodes {
		c, err := n.PrepareNginx()
		must(t, err)
		f.nginx[n.Name] = c
		t.Cleanup(func() { _ = f.signal(n, syscall.SIGKILL) }) // it may have ended
		f.StartWith(n, strings.NewReplacer(
			"NAME", n.Name, "ADDRESS", n.Address.String(), "PEERS", strings.Join(peers, ", "), "KEY", f.Options.KeyFile,
			"START", list(c.Start), "STOP", list(c.Stop), "PID", c.PidFile, "SOCKET", n.Socket(), "DIR", n.Dir,
		).Replace(backendConfig))
		balancer += fmt.Sprintf("\tserver %s %v:80 check port 9010 inter 100ms fall 1 rise 1\n", n.Name, n.Address)
	}
	file := filepath.Join(f.Client.Dir, "haproxy.cfg")
	must(t, os.WriteFile(file, []byte(balancer), 0o600))
	p, err := f.Client.Start("/usr/sbin/haproxy", "-f", file)
	must(t, err)
	t.Cleanup(func() { _ = p.Kill() }) // it may have ended
	f.T = t
	f.served(f.Nodes...)
	return f
}

// balancer is where clients go.
func (f *healthFarm) balancer() string {
	return "http://" + netip.AddrPortFrom(f.Client.Address, 8080).String() + "/"
}

// answers are who answers so many requests, by name; "" is nobody.
func (f *healthFarm) answers(n int) map[string]int {
	by := make(map[string]int)
	c := f.Client.HTTPClient(netip.Addr{})
	for range n {
		name := ""
		if resp, err := c.Get(f.balancer()); err == nil {
			if b, err := io.ReadAll(resp.Body); err == nil && resp.StatusCode == 200 {
				name = string(b)
			}
			_ = resp.Body.Close()
		}
		by[name]++
	}
	return by
}

// served waits until these nodes, and no others, answer clients.
func (f *healthFarm) served(nodes ...*lab.Node) {
	f.T.Helper()
	var by map[string]int
	f.Eventually(30*time.Second, fmt.Sprintf("%d nodes answer", len(nodes)), func() bool {
		by = f.answers(3 * len(f.Nodes))
		for _, n := range nodes {
			if by[n.Name] == 0 {
				return false
			}
		}
		return len(by) == len(nodes)
	})
}

// seen waits until a node has another one, or itself, in a state.
func (f *healthFarm) seen(by, n *lab.Node, state console.NodeState) {
	f.T.Helper()
	f.until(by, fmt.Sprintf("%s has %s as %s", by.Name, n.Name, state), func(s console.Status) bool {
		for _, one := range s.Nodes {
			if one.Name == n.Name {
				return one.State == state
			}
		}
		return false
	})
}

// TestBehindBalancer: nodes without VIPs leave their machines as they are, and a
// balancer that asks for their health sends no request to where it would fail.
func TestBehindBalancer(t *testing.T) {
	f := newBackends(t, 3)
	n := f.Nodes[0]
	for _, by := range f.Nodes {
		for _, other := range f.Nodes {
			f.seen(by, other, console.Up)
		}
	}
	f.showsNoVIP(n)
	stop := f.visitAt(f.balancer())
	for _, how := range []string{"stop", "drain"} {
		f.Thresher(n, how)
		f.Thresher(n, "wait", "--state", "stopped", "--timeout", "30s")
		if f.nginxRuns(n) {
			t.Errorf("after %s, nginx runs", how)
		}
		f.seen(f.Nodes[1], n, console.Stopped)
		f.served(f.Nodes[1:]...)
		f.Thresher(n, "start")
		f.served(f.Nodes...)
	}
	before, err := f.pid(n)
	must(t, err)
	f.Thresher(n, "restart")
	f.served(f.Nodes...)
	if now, err := f.pid(n); err != nil || now != before {
		t.Errorf("after a restart of the daemon, nginx is process %d, was %d: %v", now, before, err)
	}
	f.seen(f.Nodes[1], n, console.Up)
	if s, err := f.Status(n); err != nil || s.State != console.Up || len(s.Nodes) != 3 {
		t.Errorf("after a restart: %+v, %v", s, err)
	}
	must(t, f.Daemons[n.Name].Stop(context.Background()))
	f.seen(f.Nodes[1], n, console.Stopped)
	f.served(f.Nodes[1:]...)
	got := stop()
	t.Logf("%d requests, %d failed", got.done, len(got.failures))
	if len(got.failures) > 0 || got.done < 500 {
		t.Errorf("%d of %d requests failed: %v", len(got.failures), got.done, got.failures)
	}
}

// showsNoVIP judges what a node says, and what it has done to its machine.
func (f *healthFarm) showsNoVIP(n *lab.Node) {
	f.T.Helper()
	out := f.Thresher(n, "status")
	if !strings.HasPrefix(out, n.Name+" is up\n3 nodes: 3 up  no VIP: a balancer in front picks the node\n") {
		f.T.Errorf("status says:\n%s", out)
	}
	for _, word := range []string{"%", "DATAPATH", "RULE", "RESPONDER", "view"} {
		if strings.Contains(out, word) {
			f.T.Errorf("status has %q:\n%s", word, out)
		}
	}
	if out := f.Thresher(n, "check", "--config", n.ConfigFile()); strings.Contains(out, "XDP") || strings.Contains(out, "interface") {
		f.T.Errorf("check looks at what is not used:\n%s", out)
	}
	if out, err := n.CLI(f.Ctx, binary, "where", "192.0.2.7"); err == nil || !strings.Contains(err.Error(), "this farm has no VIP") {
		f.T.Errorf("where: %s, %v", out, err)
	}
	f.untouched(n)
}

// untouched judges a machine's links and addresses.
func (f *testFarm) untouched(n *lab.Node) {
	f.T.Helper()
	must(f.T, n.Do(func() error {
		links, err := netlink.LinkList()
		for _, l := range links {
			a := l.Attrs()
			if a.Name != "lo" && a.Name != lab.Interface || a.Xdp != nil && a.Xdp.Attached {
				f.T.Errorf("link %s, XDP %+v", a.Name, a.Xdp)
			}
			addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.IP.String() == lab.VIP().String() }) {
				f.T.Errorf("the VIP is on %s", a.Name)
			}
		}
		return err
	}))
}

// TestVIPsGivenUp: a node that is restarted without VIPs, or crashes and comes back
// without, takes back what it has done for them; and it can have them again.
func TestVIPsGivenUp(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1}, lab.FarmOptions{})
	n := f.Nodes[0]
	with, err := n.NodeConfig(f.Options)
	must(t, err)
	without := strings.NewReplacer("NAME", n.Name, "ADDRESS", n.Address.String(), "KEY", f.Options.KeyFile, "SOCKET", n.Socket(), "DIR", n.Dir).
		Replace("node: {name: NAME}\nvips: []\ncluster: {bind: ADDRESS, key_file: KEY}\napi: {listen: [\"unix://SOCKET\"]}\nrun_dir: DIR\nstate_dir: DIR\n")
	behind := func() {
		f.Eventually(20*time.Second, "the node is up without VIPs", func() bool {
			s, err := f.Status(n)
			return err == nil && s.BehindBalancer && s.State == console.Up
		})
		f.untouched(n)
	}
	f.StartAll()
	must(t, os.WriteFile(n.ConfigFile(), []byte(without), 0o600))
	f.Thresher(n, "restart")
	behind()
	must(t, os.WriteFile(n.ConfigFile(), []byte(with), 0o600))
	f.Thresher(n, "restart")
	f.Converge(n)
	f.Kill(n)
	f.StartWith(n, without)
	behind()
}

// TestBehindBalancerZombie: a server that accepts but does not answer is out while it
// does not, and a daemon that is killed takes its node out, too.
func TestBehindBalancerZombie(t *testing.T) {
	t.Parallel()
	f := newBackends(t, 2)
	n, other := f.Nodes[0], f.Nodes[1]
	must(t, f.signal(n, syscall.SIGSTOP))
	s, took := f.until(n, "the node serves nobody", func(s console.Status) bool { return len(s.Withdrawn) > 0 })
	t.Logf("out after %v: %v", took, s.Withdrawn)
	// As in TestZombie.
	if limit := 5 * (2*210 + 300) * time.Millisecond; took > limit {
		t.Errorf("out after %v, want at most %v", took, limit)
	}
	f.served(other)
	if out := f.Thresher(n, "status"); !strings.Contains(out, "THIS NODE SERVES NOBODY: check http") {
		t.Errorf("status says:\n%s", out)
	}
	for range 2 { // The second restart comes before the check has said anything anew.
		f.Thresher(n, "restart")
		if s, err := f.Status(n); err != nil || len(s.Withdrawn) == 0 {
			t.Errorf("serves after a restart: %+v, %v", s, err)
		}
	}
	f.Thresher(n, "suspend")
	f.until(n, "suspended checks do not count", func(s console.Status) bool { return s.ChecksSuspended && len(s.Withdrawn) == 0 })
	f.Thresher(n, "resume")
	must(t, f.signal(n, syscall.SIGCONT))
	f.served(n, other)
	f.Kill(n)
	f.served(other)
	f.seen(other, n, console.Unreachable)
}
