package farm_test

import (
	"testing"
	"time"

	"thresher/config"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestModeIsChangedNodeByNode takes a farm's VIP through all modes and back, under
// connections that go on: each node in turn gets the other mode in its file and is
// restarted in place. Clients are told, and those that have missed it are served too.
func TestModeIsChangedNodeByNode(t *testing.T) {
	f := restartFarm(t, lab.FarmOptions{Mode: "flood"})
	must(t, f.TakeXDP(farmtest.Hosts(f.Nodes...)...))
	f.StartAll()
	k := f.talk(60)
	modes := []string{"flood", "multicast", "igmp", "directed", "flood"}
	for i, mode := range modes[1:] {
		former := f.VMAC()
		for _, n := range f.Nodes {
			f.edit(n, "mode: "+modes[i], "mode: "+mode)
			f.Thresher(n, "restart")
		}
		f.Options.Mode = mode
		f.Converge(f.Nodes...)
		f.Eventually(5*time.Second, "the client hears of "+f.VMAC().String(), func() bool {
			has, _, err := f.Client.Neighbour(lab.VIP())
			must(t, err)
			return has == f.VMAC()
		})
		f.answersOnce(f.VMAC(), 500)
		f.answersOnce(former, 500)
		f.showsMode(mode)
	}
	k.end()
}

// answersOnce sends so many SYNs while connections talk, which are never quiet.
func (f *testFarm) answersOnce(to config.MAC, n int) {
	f.T.Helper()
	c := f.Capture()
	defer c.Close()
	syns := f.syns(n, 5000)
	syns.MAC = to
	sent, err := f.Client.SendSYNs(f.Ctx, syns)
	must(f.T, err)
	f.Pass(time.Second)
	must(f.T, c.Check())
	farmtest.OnePerSYN(f.T, c, sent)
}

// showsMode asks every node: nobody is taken for another machine that has the VIP.
func (f *testFarm) showsMode(mode string) {
	f.T.Helper()
	for _, n := range f.Nodes {
		s, err := f.Status(n)
		must(f.T, err)
		if v := s.VIPs[0]; v.Mode != mode || v.MAC != f.VMAC().String() || v.Conflict != nil {
			f.T.Errorf("%s: %+v", n.Name, v)
		}
	}
}
