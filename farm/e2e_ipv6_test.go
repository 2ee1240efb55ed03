package farm_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/perf/lab"
)

// bothFamilies is a farm with a VIP of each family, whose clients go to the one of
// IPv6.
func bothFamilies(t *testing.T, c lab.Config, o lab.FarmOptions) *testFarm {
	t.Helper()
	c.IPv6 = true
	o.VIPs = []netip.Addr{lab.VIP(), lab.VIP6()}
	f := newFarm(t, c, o)
	f.vip = lab.VIP6()
	return f
}

// TestFarmServesIPv6 is TestFarmServes for a VIP of IPv6 beside one of IPv4.
func TestFarmServesIPv6(t *testing.T) {
	for i, c := range inForm(floodRuns("ipv6")) {
		queues := 2 - i%2
		t.Run(fmt.Sprintf("%v, %d queues", c, queues), func(t *testing.T) {
			f := bothFamilies(t, lab.Config{Nodes: 3, Queues: queues, ClientAddresses: 64}, lab.FarmOptions{
				TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session", XDP: c.xdp, Offload: c.offload,
			})
			f.startServers()
			learnt, err := f.RecordFDB()
			must(t, err)
			f.StartAll()
			t.Run("syn", f.synsAnsweredOnce)
			t.Run("curl", f.transfersWhole)
			if *long {
				t.Run("wrk", f.wrkWithoutErrors)
			}
			t.Run("udp", f.datagramsAnsweredOnce)
			t.Run("ping", f.pingWithoutDuplicates)
			t.Run("ndisc6", f.ndisc6Once)
			for _, vip := range f.Options.VIPs {
				if ports, err := learnt.Ports(config.FloodMAC(vip)); err != nil || len(ports) > 0 {
					t.Errorf("the switch learnt the VMAC of %v on ports %v (%v)", vip, ports, err)
				}
			}
			f.vip = lab.VIP()
			f.T = t
			f.serves(1000)
		})
	}
}

// ndisc6Once asks as a machine does that does not know the VIP yet.
func (f *testFarm) ndisc6Once(t *testing.T) {
	lookFor(t, "ndisc6")
	c := f.Capture()
	defer c.Close()
	const n = 5
	for range n {
		out, err := f.Client.Run(f.Ctx, "ndisc6", "-1", "-r", "1", f.to().String(), lab.Interface)
		if err != nil || !strings.Contains(strings.ToLower(string(out)), f.VMACOf(f.to()).String()) {
			t.Errorf("ndisc6: %v\n%s", err, out)
		}
	}
	must(t, c.Settle(f.Ctx, 300*time.Millisecond))
	must(t, c.Check())
	onWire := 0
	for reply, sources := range c.Answers(lab.ARPReply) {
		if reply.VIP != f.to() || reply.Claimed() != f.VMACOf(f.to()) {
			t.Errorf("ndisc6 was told %v of %v", reply.Claimed(), reply.VIP)
		}
		for source, times := range sources {
			onWire += times
			if source == f.VMACOf(f.to()) {
				t.Error("an advertisement came from the VMAC: the switch would learn it")
			}
		}
	}
	if onWire != n {
		t.Errorf("%d solicitations: the wire saw %d advertisements", n, onWire)
	}
}

// node is the one of that name.
func (f *testFarm) node(name string) *lab.Node {
	f.T.Helper()
	for _, n := range f.Nodes {
		if n.Name == name {
			return n
		}
	}
	f.T.Fatalf("no node has the name %q", name)
	return nil
}

// TestCleanStopRestoresIPv6 compares a node before the start and after the end.
func TestCleanStopRestoresIPv6(t *testing.T) {
	t.Parallel()
	f := bothFamilies(t, lab.Config{Nodes: 1}, lab.FarmOptions{})
	n := f.Nodes[0]
	before := f.state(n) + f.run(n.Host, "ip", "-6", "maddr", "show", "dev", lab.Interface)
	f.StartAll()
	during := f.state(n)
	for _, want := range []string{lab.VIP6().String() + "/128", "33:33:ff:12:00:6a"} {
		if !strings.Contains(during, want) {
			t.Errorf("while the daemon runs there is no %s:\n%s", want, during)
		}
	}
	if out := f.Thresher(n, "where", "[fd00::7]:4000"); !strings.Contains(out, n.Name) {
		t.Errorf("where: %s", out)
	}
	must(t, f.Daemons[n.Name].Stop(f.Ctx))
	if after := f.state(n) + f.run(n.Host, "ip", "-6", "maddr", "show", "dev", lab.Interface); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
