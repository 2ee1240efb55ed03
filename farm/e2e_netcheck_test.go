package farm_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"thresher/config"
	"thresher/farm/netcheck"
	"thresher/perf/lab"
)

// netcheck runs the command on these nodes at once, and returns what each said and
// whether it found the network good.
func (f *testFarm) netcheck(nodes ...*lab.Node) (results []netcheck.Result, good []bool) {
	f.T.Helper()
	results, good = make([]netcheck.Result, len(nodes)), make([]bool, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		yaml, err := n.NodeConfig(f.Options)
		must(f.T, err)
		must(f.T, os.WriteFile(n.ConfigFile(), []byte(yaml), 0o600))
		all.Go(func() {
			out, err := n.Run(f.Ctx, binary, "netcheck", "--config", n.ConfigFile(), "--json", "--for", "6s")
			good[i] = err == nil
			if jsonErr := json.NewDecoder(strings.NewReader(string(out))).Decode(&results[i]); jsonErr != nil {
				f.T.Errorf("%s: %v, %v: %s", n.Name, err, jsonErr, out)
			}
		})
	}
	all.Wait()
	return results, good
}

// says tells whether a finding of that level begins with the text.
func says(r netcheck.Result, level, what string) bool {
	for _, f := range r.Findings {
		if f.Level == level && strings.HasPrefix(f.What, what) {
			return true
		}
	}
	return false
}

// solicitedNodeMAC is the Ethernet address of an address's solicited-node group
// (RFC 4291, 2.7.1; RFC 2464, 7).
func solicitedNodeMAC(a netip.Addr) config.MAC {
	b := a.As16()
	return config.MAC{0x33, 0x33, 0xff, b[13], b[14], b[15]}
}

// TestNetcheckBesideDaemons: what netcheck sends reaches its own machine's daemon as
// little as that one's own does, and nobody takes that for a fault.
func TestNetcheckBesideDaemons(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
	f.StartAll()
	results, good := f.netcheck(f.Nodes...)
	for i, n := range f.Nodes {
		if !good[i] {
			t.Errorf("%+v", results[i])
		}
		if out := f.Thresher(n, "events"); strings.Contains(out, "wire_blind") {
			t.Errorf("%s:\n%s", n.Name, out)
		}
	}
}

// TestNetcheck runs before any daemon does, but for one node's.
func TestNetcheck(t *testing.T) {
	t.Run("flood", func(t *testing.T) {
		t.Parallel() // It mostly waits, as do the others.
		f := bothFamilies(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
		f.Start(f.Nodes[2])
		f.Converge(f.Nodes[2])
		results, good := f.netcheck(f.Nodes[:2]...)
		for i, r := range results {
			if !good[i] || !r.OK || len(r.Peers) != 2 || !says(r, "ok", "neighbour solicitations for the VIP "+lab.VIP6().String()) {
				t.Errorf("%+v", r)
			}
			for _, vip := range f.Options.VIPs {
				mac := f.VMACOf(vip)
				if !says(r, "ok", "frames for "+mac.String()) || !says(r, "ok", fmt.Sprintf("one node answers for the VIP %v, with %v", vip, mac)) {
					t.Errorf("of %v: %+v", vip, r)
				}
			}
		}
	})
	t.Run("a port that keeps back, and a rogue", func(t *testing.T) {
		t.Parallel()
		f := bothFamilies(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
		victim := f.Nodes[1]
		for _, mac := range []config.MAC{f.VMAC(), solicitedNodeMAC(lab.VIP6())} {
			_, err := f.Withhold(f.Ctx, mac, victim.Host)
			must(t, err)
		}
		f.run(f.Client, "ip", "address", "add", lab.VIP().String()+"/32", "dev", lab.Interface)
		f.run(f.Client, "ip", "address", "add", lab.VIP6().String()+"/128", "dev", lab.Interface, "nodad")
		results, good := f.netcheck(f.Nodes...)
		for i, r := range results {
			for _, vip := range f.Options.VIPs {
				if good[i] || r.OK || !says(r, "error", f.Client.MAC.String()+" says that the VIP "+vip.String()+" is its own") {
					t.Errorf("of %v: %+v", vip, r)
				}
			}
			if named := says(r, "error", victim.Name+" gets no frames for "+f.VMAC().String()); !named {
				t.Errorf("%s does not name %s: %+v", r.Node, victim.Name, r.Findings)
			}
			lost := victim.Name + " gets no neighbour solicitations for the VIP " + lab.VIP6().String()
			if named := says(r, "error", lost); named != (r.Node == victim.Name) {
				t.Errorf("%s says %q: %t: %+v", r.Node, lost, named, r.Findings)
			}
		}
	})
	t.Run("igmp on a bridge that snoops", func(t *testing.T) {
		t.Parallel()
		f := newFarm(t, lab.Config{Nodes: 2, Clients: 2, Snooping: lab.SnoopIP}, lab.FarmOptions{Mode: "igmp"})
		f.awaitSnooping(f.Clients[1])
		results, good := f.netcheck(f.Nodes...)
		for i, r := range results {
			if good[i] || !says(r, "error", "no node gets frames for "+f.VMAC().String()) || !strings.Contains(r.Text(), "mcast_router 2") {
				t.Errorf("%+v", r)
			}
		}
	})
	if !*long {
		return
	}
	t.Run("igmp on a switch that snoops by MAC", func(t *testing.T) {
		t.Parallel()
		f := newFarm(t, lab.Config{Nodes: 2, Snooping: lab.SnoopMAC}, lab.FarmOptions{Mode: "igmp"})
		results, good := f.netcheck(f.Nodes...)
		if !good[0] || !good[1] {
			t.Errorf("%+v", results)
		}
	})
}
