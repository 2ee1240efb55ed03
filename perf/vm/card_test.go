package vm

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"thresher/perf/lab"
)

// TestQueues serves with a card of four queues, over which the card itself spreads
// what it receives: each has a socket of its own, and each has work.
func TestQueues(t *testing.T) {
	const queues = 4
	forKernels(t, nil, func(t *testing.T, k Kernel, o Options) {
		ctx, l := newLab(t, lab.Config{Nodes: 1, ClientAddresses: 64})
		o.CPUs, o.Queues = 2, queues
		n := boot(t, ctx, l, l.Nodes[0], o)
		_, err := n.Run(ctx, "ethtool", "-L", lab.Interface, "combined", strconv.Itoa(queues))
		must(t, err)
		yaml, err := n.NodeConfig(lab.FarmOptions{Offload: "none", KeyFile: keyFile})
		must(t, err)
		n.start(yaml, newKey(t))
		s := serves(n)
		if d := s.Datapath; d.XDP != "native" || d.Queues != queues || d.ZeroCopy != zeroCopy(k) {
			t.Errorf("XDP %s, zero-copy %t, %d queues; want native, %t, %d", d.XDP, d.ZeroCopy, d.Queues, zeroCopy(k), queues)
		}
		for range 64 {
			body, err := visit(ctx, l.Clients[0])
			must(t, err)
			if body != n.Name {
				t.Fatalf("the VIP answers %q", body)
			}
		}
		out, err := n.Run(ctx, "ethtool", "-S", lab.Interface)
		must(t, err)
		redirected := make(map[string]int)
		for _, m := range regexp.MustCompile(`rx_queue_(\d+)_xdp_redirects: (\d+)|rx(\d+)_xdp_redirects: (\d+)`).FindAllStringSubmatch(string(out), -1) {
			redirected[m[1]+m[3]], _ = strconv.Atoi(m[2] + m[4])
		}
		t.Logf("packets to AF_XDP by queue: %v", redirected)
		busy := 0
		for _, packets := range redirected {
			if packets > 0 {
				busy++
			}
		}
		if len(redirected) != queues || busy < 2 {
			t.Errorf("%d of %d queues have had packets for AF_XDP\n%s", busy, len(redirected), out)
		}
	})
}

// TestVLAN serves a VIP on a VLAN device, to a second machine on that VLAN: this
// machine's kernel may not have VLANs.
func TestVLAN(t *testing.T) {
	const device = lab.Interface + ".7"
	forKernels(t, []string{"6.18"}, func(t *testing.T, k Kernel, o Options) {
		ctx, l := newLab(t, lab.Config{Nodes: 2})
		n, client := boot(t, ctx, l, l.Nodes[0], o), boot(t, ctx, l, l.Nodes[1], o)
		for _, m := range []*node{n, client} {
			for _, args := range [][]string{
				{"address", "flush", "dev", lab.Interface},
				{"link", "add", "link", lab.Interface, "name", device, "type", "vlan", "id", "7"},
				{"address", "add", m.Address.String() + "/16", "dev", device},
				{"link", "set", "dev", device, "up"},
			} {
				_, err := m.Run(ctx, append([]string{"ip"}, args...)...)
				must(t, err)
			}
		}
		yaml, err := n.NodeConfig(lab.FarmOptions{KeyFile: keyFile})
		must(t, err)
		n.start(strings.Replace(yaml, "interface: "+lab.Interface, "interface: "+device, 1), newKey(t))
		s := serves(n)
		t.Logf("on a VLAN device: XDP %s", s.Datapath.XDP)
		_, err = client.Run(ctx, "/init", "upload", url(), strconv.Itoa(uploadSize))
		must(t, err)
	})
}

// TestLargeFrames serves on a network with frames of 9,000 bytes, which native XDP
// gets in pieces where the driver can do that; else generic mode is used, and
// `check` has said so.
func TestLargeFrames(t *testing.T) {
	const mtu = 9000
	forKernels(t, nil, func(t *testing.T, k Kernel, o Options) {
		ctx, l := newLab(t, lab.Config{Nodes: 1, MTU: mtu})
		o.MTU = mtu
		n := boot(t, ctx, l, l.Nodes[0], o)
		yaml, err := n.NodeConfig(lab.FarmOptions{KeyFile: keyFile})
		must(t, err)
		n.start(yaml, newKey(t))
		s := serves(n)
		out, err := n.Run(ctx, "/thresher", "check", "--config", n.ConfigFile())
		must(t, err)
		t.Logf("MTU %d: XDP %s\n%s", mtu, s.Datapath.XDP, out)
		if s.Datapath.XDP == "generic" && !strings.Contains(string(out), "generic mode is used") {
			t.Error("check does not say that generic mode is used")
		}
		upload(t, ctx, l.Clients[0], uploadSize)
	})
}
