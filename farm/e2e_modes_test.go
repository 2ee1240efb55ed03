package farm_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"thresher/config"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestModes: a farm serves in each mode as in any other. VIPs in mode igmp are on a
// switch that keeps back what nobody has asked for.
func TestModes(t *testing.T) {
	t.Parallel()
	for _, c := range inForm(groupRuns()) {
		t.Run(c.String(), func(t *testing.T) {
			wire := lab.Config{Nodes: 3, ClientAddresses: 64, IPv6: c.vip().Is6()}
			if c.mode == config.IGMP.String() {
				wire.Snooping = lab.SnoopMAC
			}
			f := newFarm(t, wire, lab.FarmOptions{
				VIPs: []netip.Addr{c.vip()}, TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session",
				Mode: c.mode, XDP: c.xdp, Offload: c.offload,
			})
			f.vip = c.vip()
			f.startServers()
			learnt, err := f.RecordFDB()
			must(t, err)
			f.StartAll()
			t.Run("syn", func(t *testing.T) { f.synsOnce(t, 2000, 400*time.Millisecond) })
			t.Run("curl", f.transfersWhole)
			if *long {
				t.Run("udp", f.datagramsAnsweredOnce)
				t.Run("ping", f.pingWithoutDuplicates)
			}
			switch whole := *long || c.offload == config.OffloadFull.String(); {
			case whole && c.vip().Is6():
				t.Run("ndisc6", f.ndisc6Once)
			case whole:
				t.Run("arping", func(t *testing.T) { f.arpings(t, 1) })
			}
			if ports, err := learnt.Ports(f.VMACOf(f.to())); err != nil || len(ports) > 0 {
				t.Errorf("the switch learnt the VMAC on ports %v (%v)", ports, err)
			}
		})
	}
}

// TestGroupsReachMembersOnly: with igmp, switches that snoop send a VIP's frames to
// all nodes and nobody else, and still do after a node's cable was pulled.
func TestGroupsReachMembersOnly(t *testing.T) {
	t.Parallel()
	for name, snooping := range map[string]lab.Snooping{"by MAC": lab.SnoopMAC, "by IP, ports for routers": lab.SnoopIPRouters} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t, lab.Config{Nodes: 3, Clients: 2, Snooping: snooping}, lab.FarmOptions{Mode: "igmp"})
			for _, n := range f.Nodes {
				_, err := n.StartHTTP(":80", nil)
				must(t, err)
			}
			f.StartAll()
			if snooping == lab.SnoopIPRouters {
				f.awaitSnooping(f.Clients[1])
			}
			t.Run("at first", f.membersOnly)
			if snooping != lab.SnoopMAC {
				return // Nothing depends on membership.
			}
			must(t, f.PortUp(f.Nodes[0].Host, false))
			f.Pass(200 * time.Millisecond)
			must(t, f.PortUp(f.Nodes[0].Host, true))
			f.Converge(f.Nodes...)
			t.Run("after a pulled cable", f.membersOnly)
		})
	}
}

// awaitSnooping waits until the switch keeps frames from a host.
func (f *testFarm) awaitSnooping(from *lab.Host) {
	f.T.Helper()
	d, err := f.Deliveries(from, f.VMAC())
	must(f.T, err)
	defer d.Close()
	f.Eventually(10*time.Second, "the switch snoops", func() bool {
		must(f.T, d.Settle(f.Ctx, 10*time.Millisecond))
		before := d.Frames()
		_, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(1), 1000))
		must(f.T, err)
		must(f.T, d.Settle(f.Ctx, 50*time.Millisecond))
		return d.Frames() == before
	})
}

// membersOnly counts at the switch's ports.
func (f *testFarm) membersOnly(t *testing.T) {
	var counts []*lab.Delivery
	for _, h := range append(farmtest.Hosts(f.Nodes...), f.Clients[1]) {
		d, err := f.Deliveries(h, f.VMAC())
		must(t, err)
		defer d.Close()
		counts = append(counts, d)
	}
	answers := f.Capture()
	defer answers.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(2000), 4000))
	must(t, err)
	must(t, answers.Settle(f.Ctx, 500*time.Millisecond))
	farmtest.OnePerSYN(t, answers, sent)
	nodes, bystander := counts[:3], counts[3]
	tcp := make([]uint64, len(nodes))
	for i, d := range nodes {
		must(t, d.Check())
		tcp[i] = d.TCP()
	}
	// The client's resets are among them.
	if slices.Min(tcp) < uint64(sent) || slices.Min(tcp) != slices.Max(tcp) {
		t.Errorf("of %d SYNs and their resets the nodes got %v", sent, tcp)
	}
	must(t, bystander.Check())
	if got := bystander.Frames(); got > 0 {
		t.Errorf("a bystander got %d frames for the VIP", got)
	}
}

// TestGroupFramesNeedTheDaemon: without the packet path nobody takes a frame for a
// group, though the interface still accepts it and the VIP is on the machine.
func TestGroupFramesNeedTheDaemon(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{UDPPorts: []int{7}, Mode: "multicast", Unpinned: true})
	for _, n := range f.Nodes {
		_, err := n.StartUDPEcho(":7")
		must(t, err)
	}
	f.StartAll()
	if !f.echoes(10 * time.Second) {
		t.Fatal("the farm does not answer")
	}
	for _, n := range f.Nodes {
		f.Kill(n)
	}
	if f.echoes(time.Second) {
		t.Error("answered without a daemon")
	}
	// It is the sysctl that keeps the frame out.
	for _, n := range f.Nodes {
		out, err := n.Run(f.Ctx, "sysctl", "-w", "net.ipv4.conf.eth0.drop_unicast_in_l2_multicast=0")
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if !f.echoes(10 * time.Second) {
		t.Error("not answered without the sysctl: this test shows nothing")
	}
}

// echoes tells whether a datagram to the VIP is answered within a time.
func (f *testFarm) echoes(within time.Duration) bool {
	f.T.Helper()
	conn, err := f.Client.Dial(f.Ctx, "udp", netip.AddrPort{}, netip.AddrPortFrom(lab.VIP(), 7))
	must(f.T, err)
	defer conn.Close()
	_, err = conn.Write([]byte("once"))
	must(f.T, err)
	must(f.T, conn.SetReadDeadline(time.Now().Add(within)))
	_, err = conn.Read(make([]byte, 16))
	return err == nil
}
