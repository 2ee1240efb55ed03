package farm_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// state is everything on a node that the daemon may change.
func (f *testFarm) state(n *lab.Node) string {
	f.T.Helper()
	var all []string
	for _, command := range []string{
		"ip -o link show", "ip -o addr show", "sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce net.ipv4.conf.eth0.arp_ignore net.ipv4.conf.eth0.arp_announce net.ipv4.conf.eth0.drop_unicast_in_l2_multicast", "ip maddr show dev eth0",
	} {
		words := strings.Fields(command)
		out, err := n.Run(f.Ctx, words[0], words[1:]...)
		if err != nil {
			f.T.Fatalf("%s: %v\n%s", command, err, out)
		}
		all = append(all, string(out))
	}
	return strings.Join(all, "\n")
}

// TestCleanStopRestoresMachine compares a node before the start, and after the
// end by SIGTERM, and after a crash with a new start and end.
func TestCleanStopRestoresMachine(t *testing.T) {
	t.Parallel()
	t.Run("flood", func(t *testing.T) { cleanStopRestoresMachine(t, "flood") })
	if *long {
		t.Run("igmp", func(t *testing.T) { cleanStopRestoresMachine(t, "igmp") })
	}
}

func cleanStopRestoresMachine(t *testing.T, mode string) {
	f := newFarm(t, lab.Config{Nodes: 1}, lab.FarmOptions{Mode: mode})
	n := f.Nodes[0]
	before := f.state(n)
	stop := func() {
		if err := f.Daemons[n.Name].Stop(f.Ctx); err != nil {
			t.Fatalf("the daemon ended with %v\n%s", err, f.Daemons[n.Name].Tail(4000))
		}
		if after := f.state(n); after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
	}
	f.StartAll()
	if during := f.state(n); during == before {
		t.Fatal("the daemon changed nothing")
	}
	stop()

	f.StartAll()
	must(t, f.Daemons[n.Name].Kill())
	<-f.Daemons[n.Name].Done()
	f.StartAll()
	stop()

	f.StartAll()
	must(t, f.Daemons[n.Name].Kill())
	<-f.Daemons[n.Name].Done()
	if out, err := n.Run(f.Ctx, binary, "clean", "--config", n.ConfigFile()); err != nil {
		t.Fatalf("thresher clean: %v\n%s", err, out)
	}
	if after := f.state(n); after != before {
		t.Errorf("before:\n%s\nafter clean:\n%s", before, after)
	}
}

// TestAcceptedPacketsCameThroughAFXDP holds what the sockets received against
// what was accepted, and what the VIP does without its daemon.
func TestAcceptedPacketsCameThroughAFXDP(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1, ClientAddresses: 4}, lab.FarmOptions{Offload: "none"})
	n := f.Nodes[0]
	_, err := n.StartHTTP(":80", nil)
	must(t, err)
	f.StartAll()
	before, err := f.Status(n)
	must(t, err)
	const syns = 1000
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(syns), 2000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(t, c, sent)
	after, err := f.Status(n)
	must(t, err)
	asked := after.Datapath.Asked - before.Datapath.Asked
	accepted := after.Datapath.Accepted - before.Datapath.Accepted
	if accepted < syns || asked < accepted {
		t.Errorf("%d packets accepted, %d through AF_XDP, for %d SYNs", accepted, asked, syns)
	}

	must(t, f.Daemons[n.Name].Kill())
	<-f.Daemons[n.Name].Done()
	c.Reset()
	_, err = f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(100), 1000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	if got := len(c.Answers(lab.SYNACK)); got != 0 {
		t.Errorf("%d SYNs answered without the daemon", got)
	}
	if _, err := os.Stat(n.ConfigFile()); err != nil {
		t.Error(err)
	}
}
