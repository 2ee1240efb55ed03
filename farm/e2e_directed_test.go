package farm_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// directedFarm is one of three nodes with a bystander.
func directedFarm(t *testing.T, c lab.Config, o lab.FarmOptions) *testFarm {
	t.Helper()
	c.Nodes, c.Clients, o.Mode = 3, 2, "directed"
	f := newFarm(t, c, o)
	must(t, f.TakeXDP(farmtest.Hosts(f.Nodes...)...))
	return f
}

// TestDirected: a farm serves in mode directed as in any other, on a switch that
// brings each frame to one port.
func TestDirected(t *testing.T) {
	for _, c := range inForm(directedRuns()) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			f := directedFarm(t, lab.Config{ClientAddresses: 64, IPv6: c.vip().Is6()}, lab.FarmOptions{
				VIPs: []netip.Addr{c.vip()}, TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session", XDP: c.xdp, Offload: c.offload,
			})
			f.vip = c.vip()
			f.startServers()
			learnt, err := f.RecordFDB()
			must(t, err)
			f.StartAll()
			f.Settle(f.Nodes...)
			t.Run("frames", f.directorAlone)
			t.Run("syn", func(t *testing.T) { f.synsOnce(t, 2000, 400*time.Millisecond) })
			for range 3 { // to as many nodes
				t.Run("curl", f.transfersWhole)
			}
			t.Run("udp", f.datagramsAnsweredOnce)
			if *long || !c.vip().Is6() {
				t.Run("ping", f.pingWithoutDuplicates)
			}
			if !c.vip().Is6() {
				t.Run("arping", f.directorAnswers)
			}
			if ports, err := learnt.Ports(f.Client.MAC); err != nil || len(ports) != 1 {
				t.Errorf("the switch learnt the client on ports %v (%v)", ports, err)
			}
		})
	}
}

// directorAlone counts at the switch's ports: the director gets all of the clients'
// frames, the others their own, from it, and a bystander none.
func (f *testFarm) directorAlone(t *testing.T) {
	const syns = 2000
	director := f.Director(f.to())
	to := func(h *lab.Host, n *lab.Node) *lab.Delivery {
		d, err := f.Deliveries(h, n.MAC)
		must(t, err)
		return d
	}
	all := to(director.Host, director)
	defer all.Close()
	var own, none []*lab.Delivery
	for _, n := range f.Others(director) {
		own, none = append(own, to(n.Host, n)), append(none, to(n.Host, director), to(f.Clients[1], n))
	}
	none = append(none, to(f.Clients[1], director))
	for _, d := range slices.Concat(own, none) {
		defer d.Close()
	}
	answers := f.Capture()
	defer answers.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.syns(syns, 4000))
	must(t, err)
	must(t, answers.Settle(f.Ctx, 500*time.Millisecond))
	farmtest.OnePerSYN(t, answers, sent)
	if got := all.Frames(); got < uint64(sent) {
		t.Errorf("of %d SYNs the director got %d frames", sent, got)
	}
	for _, d := range own {
		must(t, d.Check())
		// The client resets each connection, which makes two frames of a SYN.
		if part := float64(d.Frames()) / float64(sent); part < 0.3 || part > 0.85 {
			t.Errorf("another node got %d frames for %d SYNs, and their resets: want a third", d.Frames(), sent)
		}
	}
	for i, d := range none {
		must(t, d.Check())
		if d.TCP() > 0 {
			t.Errorf("delivery %d: %d frames that are none of that host's", i, d.TCP())
		}
	}
}

// directorAnswers asks as a machine does that does not know the VIP yet: one node
// answers, with its own address, and that is the one that the others name.
func (f *testFarm) directorAnswers(t *testing.T) {
	c := f.Capture()
	defer c.Close()
	out, err := f.Client.Run(f.Ctx, "arping", "-c", "3", "-W", "0.2", "-i", lab.Interface, lab.VIP().String())
	if err != nil {
		t.Fatalf("arping: %v\n%s", err, out)
	}
	must(t, c.Settle(f.Ctx, 300*time.Millisecond))
	must(t, c.Check())
	director, onWire := f.Director(f.to()), 0
	for reply, sources := range c.Answers(lab.ARPReply) {
		for source, times := range sources {
			onWire += times
			if reply.Claimed() != director.MAC || source != director.MAC {
				t.Errorf("told %v by %v, want %v by itself", reply.Claimed(), source, director.MAC)
			}
		}
	}
	if seen := bytes.Count(out, []byte("bytes from")); seen != 3 || onWire != 3 {
		t.Errorf("3 requests: arping saw %d replies, the wire %d\n%s", seen, onWire, out)
	}
}
