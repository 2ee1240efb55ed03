package faults

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// TestNode is what can happen to one node.
func TestNode(t *testing.T) {
	twoAtATime(t)
	onOneFarm(t, []fault{
		{"R01PowerLoss", powerLoss},
		{"R02Kill", kill},
		{"R03HangAndResume", hang},
		{"R03JoinDuringHang", joinDuringHang},
		{"R04WholeNodePaused", pausedMachine},
		{"R11StarvedOfCPU", starved},
		{"R12Flapping", flapping},
		{"R15SameNameTwice", sameName},
		{"X03KillAndStartAtOnce", restartAtOnce},
	})
}

// powerLoss: a node's power is cut. Its clients are answered by the others within
// 1.5 s, nobody else's connection notices; with its power back it serves again.
func powerLoss(f *farmtest.Farm) { losePower(f, short(1, 200)) }

// TestR01Fastest is R01 with the profile that notices first.
func TestR01Fastest(t *testing.T) {
	if !*long {
		return // TestNode has R01
	}
	losePower(newFarm(t, lab.Config{Nodes: 3, ClientAddresses: 8}, lab.FarmOptions{Profile: "fastest"}), 50)
}

func losePower(f *farmtest.Farm, times int) {
	victim, _ := split(f)
	var took []time.Duration
	for range times {
		l := f.StartLoad(farmtest.LoadOptions{Victim: victim, Patience: 2 * time.Second})
		f.Pass(300 * time.Millisecond)
		cut := time.Now()
		f.Must(f.PowerOff(victim))
		f.Pass(afterLoss())
		l.Stop()
		l.CheckOneAnswer()
		took = append(took, l.CheckTakeover(cut, victim, takeoverLimit))
		l.CheckKept(victim)
		l.CheckVisits(3)
		f.Must(f.PowerOn(f.Ctx, victim))
		f.StartEcho(victim)
		f.Start(victim)
		f.Converge(f.Nodes...)
		f.ClientsOf(l.Watch, victim)
		l.CheckOneAnswer()
		l.Close()
	}
	tell(f, took)
}

// tell writes how long takeovers took, of which there is at least one.
func tell(f *farmtest.Farm, took []time.Duration) {
	slices.Sort(took)
	n := len(took)
	f.T.Logf("%d takeovers: median %v, p99 %v, worst %v", n, took[n/2], took[(n-1)*99/100], took[n-1])
}

// kill: the daemon dies, its kernel and its server live. The lease fences the node;
// the others take over only then; established connections go on everywhere.
func kill(f *farmtest.Farm) {
	victim, _ := split(f)
	var took []time.Duration
	for range short(1, 200) {
		l := f.StartLoad(farmtest.LoadOptions{Victim: victim})
		f.Pass(300 * time.Millisecond)
		killed := time.Now()
		f.Kill(victim)
		dead := time.Now() // its last heartbeat was before
		f.Pass(2 * time.Second)
		l.Stop()
		l.CheckOneAnswer()
		took = append(took, l.CheckTakeover(killed, victim, takeoverLimit))
		if n := l.AnsweredBy(victim, dead.Add(leaseLimit), time.Now()); n > 0 {
			f.T.Errorf("the dead daemon's node let %d flows in after its lease", n)
		}
		l.CheckKept()
		l.CheckVisits(0)
		l.Close()
		f.Start(victim)
		f.Converge(f.Nodes...)
	}
	tell(f, took)
}

// hang: the daemon is stopped and goes on. Its node is fenced before the others
// take over, keeps its connections, and takes its part again afterwards.
func hang(f *farmtest.Farm) {
	victim, _ := split(f)
	for range short(1, 50) {
		l := f.StartLoad(farmtest.LoadOptions{Victim: victim})
		flood := f.Flood(short(2000, 20_000))
		f.Pass(300 * time.Millisecond)
		stopped := time.Now()
		f.Must(f.Daemons[victim.Name].Pause())
		silent := time.Now() // from then on at the latest
		f.Pass(short(2*time.Second, 10*time.Second))
		resumed := time.Now()
		f.Must(f.Daemons[victim.Name].Resume())
		f.Pass(2 * time.Second)
		flood.Stop()
		l.Stop()
		l.CheckOneAnswer()
		took, ok := l.Line.Takeover(stopped, victim.MAC)
		f.T.Logf("taken over after %v", took.Round(time.Millisecond))
		if !ok || took > takeoverLimit {
			f.T.Errorf("taken over after %v, %t, want %v at most", took, ok, takeoverLimit)
		}
		if n := l.AnsweredBy(victim, silent.Add(leaseLimit), resumed); n > 0 {
			f.T.Errorf("the hanging daemon's node let %d flows in after its lease", n)
		}
		l.CheckGaps(takeoverLimit)
		l.CheckKept()
		l.CheckVisits(0)
		l.Close()
		f.Converge(f.Nodes...)
	}
}

// joinDuringHang: while a node hangs, another one comes up, of which it knows only
// that it had gone. What it reads first when it goes on is old.
func joinDuringHang(f *farmtest.Farm) {
	hangs, joins := f.Nodes[1], f.Nodes[0]
	for range short(1, 50) {
		watch := f.Watch()
		f.Must(f.Daemons[joins.Name].Stop(f.Ctx))
		f.Converge(f.Others(joins)...)
		flood := f.Flood(5000)
		f.Must(f.Daemons[hangs.Name].Pause())
		f.Start(joins)
		f.Converge(f.Others(hangs)...)
		f.Pass(time.Second)
		f.Must(f.Daemons[hangs.Name].Resume())
		resumed := time.Now()
		f.Converge(f.Nodes...)
		flood.Stop()
		f.Must(watch.Settle(f.Ctx, 500*time.Millisecond))
		f.T.Logf("resumed at %v", resumed.Format(clock))
		f.CheckOneAnswer(watch)
		f.Must(watch.Close())
	}
}

// pausedMachine: every process of a node stands, as while a hypervisor takes a
// snapshot; its link and kernel do not. Its connections stall and go on.
func pausedMachine(f *farmtest.Farm) {
	victim, _ := split(f)
	l := f.StartLoad(farmtest.LoadOptions{Victim: victim, Patience: 10 * time.Second})
	f.Must(victim.Pause())
	silent := time.Now() // from then on at the latest
	f.Pass(2 * time.Second)
	resumed := time.Now()
	f.Must(victim.Resume())
	f.Pass(2 * time.Second)
	l.Stop()
	l.CheckOneAnswer()
	if n := l.AnsweredBy(victim, silent.Add(leaseLimit), resumed); n > 0 {
		f.T.Errorf("the paused node let %d flows in after its lease", n)
	}
	l.CheckGaps(takeoverLimit)
	l.CheckKept()
	l.CheckVisits(0)
}

// starved: the daemon gets 5 % of a CPU, in slices of 100 ms. At worst its node
// loses buckets for a while, never connections; the others suspect nobody else.
func starved(f *farmtest.Farm) {
	victim, others := split(f)
	before := f.Views(others...)
	l := f.StartLoad(farmtest.LoadOptions{})
	quota, err := victim.LimitCPU(f.Daemons[victim.Name], 5, 0)
	f.Must(err)
	f.Pass(short(5*time.Second, 10*time.Minute))
	f.Must(quota.Heal())
	f.Pass(time.Second)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckKept()
	l.CheckVisits(0)
	f.Converge(f.Nodes...)
	for _, n := range others {
		s, err := f.Status(n)
		f.Must(err)
		for _, peer := range s.Nodes {
			if peer.State != console.Up {
				f.T.Errorf("%s shows %s as %s", n.Name, peer.Name, peer.State)
			}
		}
	}
	f.T.Logf("views of the others: %v", f.ViewsSince(before))
}

// flapping: a node's port goes down and up again and again. It is held back longer
// and longer, so that the buckets move a bounded number of times; the others'
// connections notice nothing.
func flapping(f *farmtest.Farm) {
	victim, others := split(f)
	before := f.Views(others...)
	l := f.StartLoad(farmtest.LoadOptions{Patience: 30 * time.Second})
	flaps := short(4, 20)
	half := short(400*time.Millisecond, 2*time.Second)
	for range flaps {
		f.Must(f.PortUp(victim.Host, false))
		f.Pass(half)
		f.Must(f.PortUp(victim.Host, true))
		f.Pass(half)
	}
	f.Converge(f.Nodes...)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckOthersKept()
	for name, n := range f.ViewsSince(before) {
		f.T.Logf("%s saw %d views in %d flaps", name, n, flaps)
		if n > flaps+2 {
			f.T.Errorf("%s saw %d views in %d flaps", name, n, flaps)
		}
	}
}

// sameName: a second daemon with the name of a node refuses to serve, says why,
// and changes nothing for the first.
func sameName(f *farmtest.Farm) {
	victim, others := split(f)
	f.Must(f.Daemons[victim.Name].Stop(f.Ctx))
	f.Converge(others...)
	before := f.Views(others...)
	l := f.StartLoad(farmtest.LoadOptions{})
	yaml, err := victim.NodeConfig(f.Options)
	f.Must(err)
	f.StartWith(victim, replaced(f, yaml, "name: "+victim.Name, "name: "+others[0].Name))
	f.Pass(3 * time.Second)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckGaps(0)
	l.CheckKept()
	l.CheckVisits(0)
	for name, n := range f.ViewsSince(before) {
		if n > 0 {
			f.T.Errorf("%s saw %d views", name, n)
		}
	}
	f.T.Log(f.Thresher(others[0], "events"))
	says := f.Daemons[victim.Name].Tail(10_000)
	f.T.Logf("the second says: %s", says)
	if f.Running(victim) {
		s, err := f.Status(victim)
		f.Must(err)
		if s.State == console.Up || s.Reason == "" {
			f.T.Errorf("the second %s is %s (%s)", others[0].Name, s.State, s.Reason)
		}
		f.Kill(victim)
	}
	f.Converge(others...)
}

// restartAtOnce: a killed daemon is started again before the kernel has let go of
// its sockets. It comes up each time, by itself.
func restartAtOnce(f *farmtest.Farm) {
	victim, _ := split(f)
	watch := f.Watch()
	for range short(1, 200) {
		f.Kill(victim)
		start := time.Now()
		f.Start(victim)
		f.Converge(f.Nodes...)
		f.T.Logf("serves again after %v", time.Since(start).Round(time.Millisecond))
		if !f.Running(victim) {
			f.T.Fatal("the daemon has ended")
		}
	}
	f.ClientsOf(watch, victim)
	f.CheckOneAnswer(watch)
}

// replaced is a configuration with something else in it.
func replaced(f *farmtest.Farm, yaml, old, by string) string {
	f.T.Helper()
	if strings.Count(yaml, old) != 1 {
		f.T.Fatalf("%q is not in the configuration once:\n%s", old, yaml)
	}
	return strings.Replace(yaml, old, by, 1)
}

// TestR13AllAtOnce starts six nodes at one moment, under SYNs. They become one farm
// in a bounded number of steps, and no client is answered twice.
func TestR13AllAtOnce(t *testing.T) {
	f := farmtest.NewFor(t, binary, farmLimit(), lab.Config{Nodes: 6}, lab.FarmOptions{
		TCPPorts: []int{farmtest.EchoPort}, Affinity: "session",
	})
	f.StartEcho(f.Nodes...)
	watch := f.Watch()
	flood := f.Flood(2000)
	start := time.Now()
	f.Start(f.Nodes...)
	f.Converge(f.Nodes...)
	t.Logf("one farm after %v", time.Since(start).Round(time.Millisecond))
	flood.Stop()
	f.Must(watch.Settle(f.Ctx, 500*time.Millisecond))
	f.CheckOneAnswer(watch)
	for name, n := range f.Views(f.Nodes...) {
		t.Logf("%s saw %d views", name, n)
		if n > 2*len(f.Nodes) {
			t.Errorf("%s saw %d views on the way to one farm of %d", name, n, len(f.Nodes))
		}
	}
}

// TestR04OtherBootTime starts a daemon whose CLOCK_BOOTTIME is not its kernel's, as in
// a container with a time namespace (T15). Its lease would not end when the others
// believe: it refuses, and says why.
func TestR04OtherBootTime(t *testing.T) {
	twoAtATime(t)
	if _, err := exec.LookPath("unshare"); err != nil {
		leftout.Skip(t, "unshare is not installed")
	}
	f := newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{})
	victim, others := split(f)
	f.Must(f.Daemons[victim.Name].Stop(f.Ctx))
	for _, seconds := range []string{"1000", "-20"} {
		p, err := victim.Start("unshare", "-T", "--boottime="+seconds, "--fork", "--kill-child", binary, "run", "--config", victim.ConfigFile())
		f.Must(err)
		select {
		case <-p.Done():
		case <-time.After(10 * time.Second):
			t.Fatalf("a daemon whose clock is %s s off goes on", seconds)
		}
		if err, said := p.Wait(), p.Tail(1000); err == nil || !strings.Contains(said, "CLOCK_BOOTTIME is "+seconds+" s off") {
			t.Errorf("the daemon ended with %v and said:\n%s", err, said)
		}
	}
	f.Converge(others...)
}

// TestM01AnotherHashKey: a node with the farm's gossip key but another hash key, or another
// hash function under the same secret, would put clients into other buckets, so that two
// nodes own one. It must not serve beside the others.
func TestM01AnotherHashKey(t *testing.T) {
	twoAtATime(t)
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
	victim, others := split(f)
	f.Must(f.Daemons[victim.Name].Stop(f.Ctx))
	f.Converge(others...)
	keys, err := config.ReadKeys(f.Options.KeyFile)
	f.Must(err)
	secret, function := keys, keys
	secret.Hash.Secret[0] ^= 1
	function.Hash.Function = config.SipHash
	for name, keys := range map[string]config.Keys{"secret": secret, "function": function} {
		f.Options.KeyFile = filepath.Join(f.Dir, "another-"+name)
		f.Must(config.WriteKeys(f.Options.KeyFile, keys))
		watch := f.Watch()
		flood := f.Flood(2000)
		f.Start(victim)
		f.Pass(4 * time.Second)
		flood.Stop()
		f.Must(watch.Settle(f.Ctx, 500*time.Millisecond))
		f.CheckOneAnswer(watch)
		if !f.Running(victim) {
			t.Logf("another %s: %s", name, f.Daemons[victim.Name].Tail(400))
			continue
		}
		s, err := f.Status(victim)
		f.Must(err)
		t.Logf("another %s: the stranger is %s: %s", name, s.State, s.Reason)
		if s.State == console.Up {
			t.Errorf("a node with another %s serves", name)
		}
		f.Must(f.Daemons[victim.Name].Stop(f.Ctx))
		f.Converge(others...)
	}
	f.Converge(others...)
}
