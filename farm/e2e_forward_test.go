package farm_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/deploy/modules"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// TestForwardingNodeTracksStrictly runs a daemon with rules that forward: it keeps
// conntrack strict while it runs, and `check` says so before.
func TestForwardingNodeTracksStrictly(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1}, lab.FarmOptions{UDPPorts: []int{53}, Forward: true})
	n := f.Nodes[0]
	loose := func() string {
		out, err := n.Run(f.Ctx, "sysctl", "-n", "net.netfilter.nf_conntrack_tcp_loose")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if loose() != "1" {
		t.Fatalf("a new namespace has nf_conntrack_tcp_loose %s", loose())
	}
	f.StartAll()
	if got := loose(); got != "0" {
		t.Errorf("while the daemon runs: %s", got)
	}
	if err := f.Daemons[n.Name].Stop(f.Ctx); err != nil {
		t.Fatal(err)
	}
	if got := loose(); got != "1" {
		t.Errorf("after its end: %s", got)
	}
	out, err := n.Run(f.Ctx, binary, "check", "--config", n.ConfigFile())
	if err != nil || !strings.Contains(string(out), "nf_conntrack_tcp_loose is 1; the daemon sets it to 0") ||
		!strings.Contains(string(out), "the kernel tells of conntrack's entries") {
		t.Errorf("check: %v\n%s", err, out)
	}
}

// TestForwardedOutliveTheDaemon keeps 1,000 connections through gateways that
// translate to a server behind them, while a daemon is killed and another hangs: the
// kernel goes on with what conntrack knows, and nobody else takes a flow up.
func TestForwardedOutliveTheDaemon(t *testing.T) {
	if !*long || !installed(t, "/usr/sbin/nft", "nftables") {
		return // TestForwardedFlowsStay has the moves
	}
	f := newFarm(t, lab.Config{Nodes: 3, Clients: 2}, lab.FarmOptions{TCPPorts: []int{443}, Affinity: "session", Forward: true})
	server := f.Clients[1]
	_, err := server.StartTCPEcho(":443")
	must(t, err)
	m, err := modules.Find(modules.Own, "iis-gateway")
	must(t, err)
	for _, n := range f.Nodes {
		r, err := m.Render(modules.Node{VIPs: []netip.Addr{lab.VIP()}, Interface: lab.Interface, Dir: n.Dir}, map[string]string{"server": server.Address.String()})
		must(t, err)
		file := filepath.Join(n.Dir, "gateway.nft")
		must(t, os.WriteFile(file, []byte(r.Files["gateway.nft"]), 0o600))
		must(t, runs(f, n, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"))
		must(t, runs(f, n, "nft", "-f", file))
	}
	f.StartAll()
	f.Settle(f.Nodes...)
	watch := f.Watch()
	kept, err := traffic.Keep(f.Ctx, f.Client, traffic.KeepOptions{To: netip.AddrPortFrom(lab.VIP(), 443), Busy: 200, Idle: 800, Patience: 5 * time.Second})
	must(t, err)
	defer func() { must(t, kept.Close()) }()
	for range 3 {
		f.Kill(f.Nodes[1])
		f.Pass(2 * time.Second)
		f.Start(f.Nodes[1])
		f.Converge(f.Nodes...)
		must(t, f.Daemons[f.Nodes[2].Name].Pause())
		f.Pass(2 * time.Second)
		must(t, f.Daemons[f.Nodes[2].Name].Resume())
		f.Pass(time.Second)
		f.Converge(f.Nodes...)
	}
	report, err := kept.Finish(f.Ctx)
	must(t, err)
	f.CheckOneAnswer(watch)
	t.Logf("%d connections kept, %d broken, %d echoes, the worst %v", report.Connections, len(report.Broken), report.Echoes, report.Worst)
	if report.Connections != 1000 || len(report.Broken) > 0 {
		t.Errorf("%d of %d connections broke: %v", len(report.Broken), report.Connections, report.Broken[:min(3, len(report.Broken))])
	}
}
