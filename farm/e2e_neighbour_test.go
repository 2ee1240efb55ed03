package farm_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestClientsRecheckTheirEntries: a client's kernel asks by unicast, as often as it
// can be made to, whether the VIPs are still where it has them. All nodes get its
// questions, or in mode directed one; one node answers each, once, and no entry ever
// fails, also when nodes come and go.
func TestClientsRecheckTheirEntries(t *testing.T) {
	t.Parallel() // It mostly waits.
	modes := []string{"flood", "directed", "multicast", "igmp"}
	var all []*rechecks
	for _, mode := range modes[:short(1, len(modes))] {
		wire := lab.Config{Nodes: 3, IPv6: true}
		if mode == "igmp" {
			wire.Snooping = lab.SnoopMAC
		}
		f := &testFarm{Farm: farmtest.NewFor(t, binary, 20*time.Minute, wire, lab.FarmOptions{
			VIPs: []netip.Addr{lab.VIP(), lab.VIP6()}, Mode: mode,
		})}
		if mode == "directed" {
			must(t, f.TakeXDP(farmtest.Hosts(f.Nodes...)...))
		}
		f.StartAll()
		all = append(all, f.recheck(mode))
	}
	all[0].f.Pass(time.Second)
	for _, r := range all {
		r.beginCount()
	}
	all[0].f.Pass(short(2*time.Second, time.Minute))
	for _, r := range all {
		r.answeredOnce()
	}
	for end, i := time.Now().Add(short(time.Second, 9*time.Minute)), 0; time.Now().Before(end); i++ {
		for _, r := range all {
			r.change(i)
		}
	}
	for _, r := range all {
		r.noneFailed()
	}
}

// rechecks is a farm whose client re-checks its entries of the VIPs all the time.
type rechecks struct {
	f       *testFarm
	mode    string
	monitor *lab.Process
	answers *lab.Capture
	before  map[netip.Addr]int // probes before the count began
}

// recheck makes entries stale after 0.45 s at most, and probed at once when they are
// used, which they are. What the client does when no answer comes is left as it is:
// it asks three times, a second apart.
func (f *testFarm) recheck(mode string) *rechecks {
	f.T.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, setting := range []string{"base_reachable_time_ms=300", "delay_first_probe_time=0"} {
			f.run(f.Client, "sysctl", "-q", "-w", "net."+family+".neigh."+lab.Interface+"."+setting)
		}
	}
	monitor, err := f.Client.Start("ip", "-ts", "monitor", "neigh")
	must(f.T, err)
	for _, vip := range f.Options.VIPs {
		f.use(vip)
	}
	return &rechecks{f: f, mode: mode, monitor: monitor, answers: f.Capture(), before: make(map[netip.Addr]int)}
}

// use sends datagrams that nothing answers to a VIP until the test ends: an answer
// might show the client's kernel that its entry is right.
func (f *testFarm) use(vip netip.Addr) {
	f.T.Helper()
	conn, err := f.Client.Dial(f.Ctx, "udp", netip.AddrPort{}, netip.AddrPortFrom(vip, 9))
	must(f.T, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !errors.Is(err, net.ErrClosed) {
			_, err = conn.Write([]byte("used"))
			time.Sleep(50 * time.Millisecond)
		}
	}()
	f.T.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
}

// times is how often the client's entry of a VIP has come into a state.
func (r *rechecks) times(vip netip.Addr, state string) (n int) {
	for line := range strings.Lines(r.monitor.Tail(1 << 24)) {
		if strings.Contains(line, vip.String()+" dev") && strings.Contains(line, state) {
			n++
		}
	}
	return n
}

// beginCount begins to count probes and answers.
func (r *rechecks) beginCount() {
	r.answers.Reset()
	for _, vip := range r.f.Options.VIPs {
		r.before[vip] = r.times(vip, "PROBE")
	}
}

// answeredOnce: each probe since beginCount was answered by one node, the same one
// that the status names.
func (r *rechecks) answeredOnce() {
	s, err := r.f.Status(r.f.Nodes[0])
	must(r.f.T, err)
	must(r.f.T, r.answers.Check())
	got := r.answers.Answers(lab.ARPReply)
	for _, v := range s.VIPs {
		probes, answers := r.times(v.Address, "PROBE")-r.before[v.Address], 0
		for reply, sources := range got {
			for source, times := range sources {
				if reply.VIP != v.Address {
					continue
				}
				answers += times
				if source != r.f.node(v.Responder).MAC || reply.Claimed().String() != v.MAC {
					r.f.T.Errorf("%s: %v was told by %v to be at %v; the responder is %s", r.mode, v.Address, source, reply.Claimed(), v.Responder)
				}
			}
		}
		r.f.T.Logf("%s: %v: %d probes, %d answers", r.mode, v.Address, probes, answers)
		// One may be on its way at either end.
		if probes < 2 || answers < probes-1 || answers > probes+1 {
			r.f.T.Errorf("%s: %d answers to %d probes for %v", r.mode, answers, probes, v.Address)
		}
	}
}

// change ends a node, the responder of a VIP in turn with others, and in the long form
// has it come back.
func (r *rechecks) change(i int) {
	f := r.f
	s, err := f.Status(f.Nodes[(i+1)%len(f.Nodes)])
	must(f.T, err)
	victim := f.node(s.VIPs[i%len(s.VIPs)].Responder)
	if i%3 == 2 {
		must(f.T, f.Daemons[victim.Name].Stop(f.Ctx))
	} else {
		f.Kill(victim)
	}
	if !*long {
		f.Pass(2 * time.Second)
		return
	}
	f.Pass(5 * time.Second)
	f.Start(victim)
	f.Converge(f.Nodes...)
}

func (r *rechecks) noneFailed() {
	for _, vip := range r.f.Options.VIPs {
		probes, failed := r.times(vip, "PROBE"), r.times(vip, "FAILED")
		r.f.T.Logf("%s: %v: %d probes in all", r.mode, vip, probes)
		if failed > 0 || probes == 0 {
			r.f.T.Errorf("%s: after %d probes the entry of %v has failed %d times: %s", r.mode, probes, vip, failed, r.monitor.Log())
		}
		if _, known, err := r.f.Client.Neighbour(vip); err != nil || !known {
			r.f.T.Errorf("%s: the client has no entry of %v (%v)", r.mode, vip, err)
		}
	}
}

// TestProbesForTheVIPAreDefended: a machine that is given the VIP finds out that it
// is taken, by ARP (RFC 5227) and by duplicate address detection (RFC 4862).
func TestProbesForTheVIPAreDefended(t *testing.T) {
	t.Parallel()
	lookFor(t, "arping")
	f := bothFamilies(t, lab.Config{Nodes: 3, Clients: 2}, lab.FarmOptions{})
	f.StartAll()
	other := f.Clients[1]
	c, err := other.Capture()
	must(t, err)
	defer c.Close()
	const probes = 3
	_, _ = other.Run(f.Ctx, "arping", "-0", "-c", fmt.Sprint(probes), "-W", "0.2", "-i", lab.Interface, lab.VIP().String()) // it knows no answer to 0.0.0.0
	must(t, c.Settle(f.Ctx, 300*time.Millisecond))
	got := 0
	for answer, sources := range c.Answers(lab.ARPReply) {
		if answer.VIP != lab.VIP() || len(sources) != 1 || answer.Claimed() != f.VMAC() {
			t.Errorf("%+v from %v", answer, sources)
		}
		for _, times := range sources {
			got += times
		}
	}
	if got != probes {
		t.Errorf("%d probes by ARP, %d answers", probes, got)
	}

	f.run(other, "sysctl", "-q", "-w", "net.ipv6.conf."+lab.Interface+".accept_dad=1")
	for f.probesDefended("ndp") == 0 { // the kernel takes an announcement that comes before its probe for an answer
		f.run(other, "ip", "-6", "address", "replace", lab.VIP6().String()+"/64", "dev", lab.Interface)
		f.Eventually(5*time.Second, "duplicate address detection fails", func() bool {
			return strings.Contains(f.run(other, "ip", "-6", "address", "show", "dev", lab.Interface), "dadfailed")
		})
		f.run(other, "ip", "-6", "address", "del", lab.VIP6().String()+"/64", "dev", lab.Interface)
	}
	if arp, ndp := f.probesDefended("arp"), f.probesDefended("ndp"); arp != probes || ndp != 1 {
		t.Errorf("the nodes say that they have defended %d probes by ARP and %d by NDP; want %d and 1", arp, ndp, probes)
	}
	for _, n := range f.Nodes {
		s, err := f.Status(n)
		must(t, err)
		for _, v := range s.VIPs {
			if v.Conflict != nil { // a probe claims nothing
				t.Errorf("%s: %v: %+v", n.Name, v.Address, v.Conflict)
			}
		}
	}
}

// probesDefended is how many address probes the nodes have answered.
func (f *testFarm) probesDefended(protocol string) (defended uint64) {
	f.T.Helper()
	for _, n := range f.Nodes {
		s, err := f.Status(n)
		must(f.T, err)
		defended += s.Neighbours[protocol]["probe_defended"]
	}
	return defended
}
