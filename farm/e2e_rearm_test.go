package farm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// serves checks that every SYN of the client is answered by one node.
func (f *testFarm) serves(syns int) {
	f.T.Helper()
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.syns(syns, 2*syns))
	must(f.T, err)
	must(f.T, c.Settle(f.Ctx, 500*time.Millisecond))
	farmtest.OnePerSYN(f.T, c, sent)
}

// within waits until what holds, and holds that this takes so long at most on a machine
// that is never late.
func (f *testFarm) within(limit time.Duration, late *farmtest.Lateness, what string, holds func() bool) {
	f.T.Helper()
	begun := time.Now()
	f.Eventually(limit+20*time.Second, what, holds)
	ended := time.Now()
	if latest := late.PutOff(begun, begun.Add(limit)); ended.After(latest) {
		f.T.Errorf("%s after %v, want at most %v, and %v for the machine", what, ended.Sub(begun), limit, latest.Sub(begun)-limit)
	}
}

// run is a command on a host that must succeed.
func (f *testFarm) run(h *lab.Host, words ...string) string {
	f.T.Helper()
	out, err := h.Run(f.Ctx, words[0], words[1:]...)
	if err != nil {
		f.T.Fatalf("%v on %s: %v\n%s", words, h.Name, err, out)
	}
	return string(out)
}

// TestNodesHoldOut changes from outside what nodes live on: they put it right, or
// go on with it, and say so.
func TestNodesHoldOut(t *testing.T) {
	lookFor(t, "arping")
	f := newFarm(t, lab.Config{Nodes: 3, Clients: 2}, lab.FarmOptions{})
	for _, n := range f.Nodes {
		_, err := n.StartHTTP(":80", nil)
		must(t, err)
	}
	f.StartAll()
	f.Run("a rogue claims the VIP", func(*farmtest.Farm) { f.rogueClaims() })
	f.Run("what a node needs is undone", func(*farmtest.Farm) { f.undone() })
	f.Run("another Ethernet address", func(*farmtest.Farm) { f.anotherMAC() })
}

// rogueClaims: every node says within a second who claims the VIP, status names the
// machine, and clients are served on.
func (f *testFarm) rogueClaims() {
	rogue, vip := f.Lab.Clients[1], lab.VIP().String()
	late := farmtest.WatchLateness(f.T)
	// It exits 1, since nobody answers an announcement.
	_, _ = rogue.Run(f.Ctx, "arping", "-q", "-U", "-P", "-c", "1", "-S", vip, "-i", lab.Interface, vip)
	for _, n := range f.Nodes {
		f.within(time.Second, late, n.Name+" names the rogue", func() bool {
			s, err := f.Status(n)
			return err == nil && s.VIPs[0].Conflict != nil && s.VIPs[0].Conflict.MAC == rogue.MAC.String() && s.Neighbours["arp"]["conflict"] > 0
		})
		if out := f.Thresher(n, "status"); !strings.Contains(out, "conflict: "+rogue.MAC.String()+" claims the VIP "+vip) {
			f.T.Errorf("status of %s:\n%s", n.Name, out)
		}
		if out := f.Thresher(n, "events"); !strings.Contains(out, rogue.MAC.String()+" claims the VIP") {
			f.T.Errorf("events of %s:\n%s", n.Name, out)
		}
	}
	f.serves(1000)
	mac, ok, err := f.Client.Neighbour(lab.VIP())
	must(f.T, err)
	if !ok || mac != f.VMAC() {
		f.T.Errorf("the client has the VIP at %v (%v), want the defence to have put it right: %v", mac, ok, f.VMAC())
	}
}

// undone takes on a node back what the daemon has made: it is there again soon.
func (f *testFarm) undone() {
	victim := f.Nodes[0]
	late := farmtest.WatchLateness(f.T)
	// The kernel tells nobody of a sysctl, but of an address, and then all is looked at.
	f.run(victim.Host, "sysctl", "-q", "-w", "net.ipv4.conf.eth0.arp_ignore=0")
	f.run(victim.Host, "ip", "address", "del", lab.VIP().String()+"/32", "dev", "lo")
	f.within(time.Second, late, "the VIP is on lo again, and arp_ignore 1", func() bool {
		return strings.Contains(f.run(victim.Host, "ip", "-o", "address", "show", "dev", "lo"), lab.VIP().String()+"/32") &&
			strings.Contains(f.run(victim.Host, "sysctl", "net.ipv4.conf.eth0.arp_ignore"), "= 1")
	})
	if *long {
		f.run(victim.Host, "sysctl", "-q", "-w", "net.ipv4.conf.eth0.arp_announce=0")
		f.Eventually(10*time.Second, "arp_announce is 2 again", func() bool {
			return strings.Contains(f.run(victim.Host, "sysctl", "net.ipv4.conf.eth0.arp_announce"), "= 2")
		})
	}
	f.serves(1000)
	if out := f.Thresher(victim, "events"); strings.Count(out, "somebody else has undone") < 2 {
		f.T.Errorf("the events do not tell of both:\n%s", out)
	}
}

// anotherMAC gives the interfaces of nodes other addresses, that of the node which
// answers ARP first: they restart in place and go on.
func (f *testFarm) anotherMAC() {
	s, err := f.Status(f.Nodes[0])
	must(f.T, err)
	for i, n := range f.Nodes {
		if !*long && n.Name != s.VIPs[0].Responder {
			continue
		}
		mac := fmt.Sprintf("02:00:00:00:99:%02d", i)
		f.run(n.Host, "ip", "link", "set", lab.Interface, "address", mac)
		f.Eventually(10*time.Second, n.Name+" has restarted in place", func() bool {
			out, err := n.CLI(f.Ctx, binary, "events")
			return err == nil && strings.Contains(string(out), mac) && strings.Contains(string(out), "this node went on")
		})
	}
	f.Converge(f.Nodes...)
	must(f.T, f.Client.FlushNeighbours())
	f.serves(1000)
}
