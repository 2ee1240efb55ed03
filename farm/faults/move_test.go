package faults

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// hiccup is how long SYNs may be lost in a planned change: a busy machine may not
// run a node for some milliseconds at the wrong moment.
const hiccup = 50 * time.Millisecond

// TestMove is what can happen while buckets change hands.
func TestMove(t *testing.T) {
	twoAtATime(t)
	faults := []fault{
		{"M02HandshakesUnderWay", handshakesUnderWay},
		{"M04OldOwnerDies", func(f *farmtest.Farm) { diesInMove(f, f.Nodes[2]) }},
		{"M05NewOwnerDies", func(f *farmtest.Farm) { diesInMove(f, f.Nodes[0]) }},
		{"M11Drain", drainWithStreams},
		{"R14RollingRestart", rollingRestart},
		{"X12BackAndForth", backAndForth},
		// Last, since it leaves connections behind that nobody will ever end.
		{"M08SameClientAgain", sameClientAgain},
	}
	if *long { // farm's TestPlannedChanges has them with fewer connections
		faults = append([]fault{{"M03Established", established}, {"R14StopAndStart", stopAndStart}}, faults...)
	}
	onOneFarm(t, faults)
}

// handshakesUnderWay: SYN-ACKs get lost for a moment, and meanwhile the buckets
// move. The old owner finishes its handshakes, the new one leaves them alone.
func handshakesUnderWay(f *farmtest.Farm) {
	mover, others := split(f)
	f.Thresher(mover, "stop")
	f.Converge(others...)
	watch := f.Watch()
	f.ClientsOf(watch, others[0])
	c, err := f.Client.Dial(f.Ctx, "tcp", netip.AddrPort{}, farmtest.Echo()) // The client learns the VMAC.
	f.Must(err)
	f.Must(c.Close())
	watch.Forget()
	var lost []lab.Cut
	for _, n := range others {
		lost = append(lost, lab.Cut{From: n.Host, To: f.Client})
	}
	fault, err := f.Cut(f.Ctx, lost...)
	f.Must(err)
	const handshakes = 90
	connector := traffic.Connect(f.Ctx, f.Client, traffic.ConnectOptions{
		To: farmtest.Echo(), Rate: 900, Limit: 100 * time.Millisecond, Patience: 15 * time.Second, // SYNs are sent again after 1, 3 and 7 s
	})
	f.Eventually(10*time.Second, "the handshakes are under way", func() bool { return len(watch.All()) >= handshakes })
	f.Thresher(mover, "start")
	f.Converge(f.Nodes...)
	f.Must(fault.Heal())
	f.Pass(3 * time.Second)
	all, err := connector.Stop()
	f.Must(err)
	f.Must(watch.Settle(f.Ctx, 100*time.Millisecond))
	f.CheckOneAnswer(watch)
	bad := 0
	for _, v := range all {
		if v.Trouble != traffic.None {
			if bad++; bad <= 5 {
				f.T.Errorf("%v: %v (%v)", v.Client, v.Trouble, v.Err)
			}
		}
	}
	f.T.Logf("%d of %d handshakes broke, %d flows were reset", bad, len(all), len(watch.Resets()))
	if bad > 0 || len(all) < handshakes {
		f.T.Errorf("%d of %d handshakes broke", bad, len(all))
	}
}

// established: thousands of connections, busy and idle, while their buckets move
// away and come back. All are kept; new ones go to the new owner.
func established(f *farmtest.Farm) {
	mover, others := split(f)
	l := f.StartLoad(farmtest.LoadOptions{Victim: mover, Busy: 2000, Idle: 8000})
	left := time.Now()
	f.Thresher(mover, "stop")
	f.Converge(others...)
	f.Pass(time.Second)
	back := time.Now()
	f.Thresher(mover, "start")
	f.Converge(f.Nodes...)
	f.Pass(500 * time.Millisecond)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckGaps(hiccup)
	l.CheckKept()
	l.CheckVisits(0)
	if n := l.AnsweredBy(mover, left.Add(200*time.Millisecond), back); n > 0 {
		f.T.Errorf("the node that had left answered %d SYNs", n)
	}
}

// diesInMove: a node is killed at any moment of a move: the old owner before it
// has let go or told so, the new one before it is confirmed. Nobody is answered
// twice, and all are served again within the limit.
func diesInMove(f *farmtest.Farm, dies *lab.Node) {
	mover, _ := split(f)
	for range short(1, 100) {
		l := f.StartLoad(farmtest.LoadOptions{Victim: mover, Busy: 30, Idle: 30, Patience: 3 * time.Second})
		moved := make(chan error, 1)
		started := time.Now()
		go func() {
			_, err := mover.CLI(f.Ctx, binary, "stop")
			moved <- err
		}()
		// The command takes some 10 ms to get there, the move 10 ms.
		delay := 5*time.Millisecond + rand.N(30*time.Millisecond)
		f.Pass(delay)
		f.Kill(dies)
		f.T.Logf("killed %s %v after the command", dies.Name, delay)
		<-moved // The command fails if it is its daemon that died.
		f.Pass(2 * time.Second)
		l.Stop()
		l.CheckOneAnswer()
		l.CheckGaps(takeoverLimit)
		if last := l.Line.Gaps(); len(last) > 0 && last[len(last)-1].To.Sub(started) > takeoverLimit {
			f.T.Errorf("still without answer %v after", last[len(last)-1].To.Sub(started))
		}
		l.CheckOthersKept(mover, dies)
		l.CheckVisits(3)
		l.Close()
		if f.Running(mover) {
			f.Thresher(mover, "start")
		}
		mend(f)
	}
}

// sameClientAgain: a client reboots and opens a connection from the port that one
// of its old ones had, which still lives on a node that the bucket has left. It
// gets a connection.
func sameClientAgain(f *farmtest.Farm) {
	mover, others := split(f)
	watch := f.Watch()
	var old []netip.AddrPort
	for port := range uint16(12) {
		c, err := f.Client.Dial(f.Ctx, "tcp", netip.AddrPortFrom(f.Client.Address, 41_000+port), farmtest.Echo())
		f.Must(err)
		f.Must(echoOnce(c))
		h, err := clientOf(c)
		f.Must(err)
		old = append(old, h)
		f.T.Cleanup(func() { _ = c.Close() }) // Closed already where all goes well.
		f.Must(forget(f, c))
	}
	f.Must(watch.Settle(f.Ctx, 50*time.Millisecond))
	its := 0
	for _, h := range watch.All() {
		if len(h.By) == 1 && h.By[0] == mover.MAC {
			its++
		}
	}
	if its == 0 {
		f.T.Fatal("none of the connections was the mover's")
	}
	f.Thresher(mover, "drain")
	f.Eventually(10*time.Second, "the others share the farm", func() bool {
		s, err := f.Status(others[0])
		return err == nil && farmtest.Sharing(s) == len(others)
	})
	watch.Forget()
	for _, from := range old {
		start := time.Now()
		c, err := f.Client.Dial(f.Ctx, "tcp", from, farmtest.Echo())
		if err != nil {
			f.T.Errorf("%v again: %v", from, err)
			continue
		}
		f.Must(errors.Join(echoOnce(c), c.Close()))
		f.T.Logf("%v again: open after %v", from, time.Since(start).Round(time.Millisecond))
	}
	f.CheckOneAnswer(watch)
	// What the rebooted client has forgotten, the server has not.
	f.Must(f.Echoes[mover.Name].Kill())
	<-f.Echoes[mover.Name].Done()
	f.StartEcho(mover)
	f.Thresher(mover, "start")
}

// drainWithStreams: a node with connections is drained. New ones go elsewhere from
// one moment on, none is lost; the old ones stay until they end, and then the node
// stops by itself.
func drainWithStreams(f *farmtest.Farm) {
	mover, others := split(f)
	l := f.StartLoad(farmtest.LoadOptions{Victim: mover})
	its := l.KeptBy(mover)
	f.Thresher(mover, "drain", "--deadline", "20s") // connections that another fault has left here may never end
	drained := time.Now()
	f.Pass(2 * time.Second)
	s, err := f.Status(mover)
	f.Must(err)
	if s.State != console.Draining {
		f.T.Errorf("with %d connections the node is %s (%s)", its, s.State, s.Reason)
	}
	l.Stop()
	l.CheckOneAnswer()
	l.CheckGaps(hiccup)
	l.CheckKept()
	l.CheckVisits(0)
	if n := l.AnsweredBy(mover, drained.Add(200*time.Millisecond), time.Now()); n > 0 {
		f.T.Errorf("the draining node let %d flows in", n)
	}
	f.Converge(others...)
	f.Eventually(25*time.Second, "the drained node has stopped", func() bool {
		s, err := f.Status(mover)
		return err == nil && s.State == console.Stopped
	})
	f.Thresher(mover, "start")
}

// rollingRestart: every daemon is restarted, one after the other, as an upgrade does.
// No client sees an error, and no bucket moves.
func rollingRestart(f *farmtest.Farm) {
	before := f.Views(f.Nodes...)
	l := f.StartLoad(farmtest.LoadOptions{})
	for _, n := range f.Nodes {
		f.Thresher(n, "restart")
		f.Converge(f.Nodes...)
		f.Pass(short(500*time.Millisecond, 5*time.Second))
	}
	l.Stop()
	l.CheckOneAnswer()
	l.CheckKept()
	l.CheckGaps(hiccup)
	l.CheckVisits(0)
	still(f, before)
}

// stopAndStart: a daemon is ended in order and started again. Its connections end
// with it; no other client sees an error.
func stopAndStart(f *farmtest.Farm) {
	victim, _ := split(f)
	l := f.StartLoad(farmtest.LoadOptions{Patience: 3 * time.Second})
	f.Must(f.Daemons[victim.Name].Stop(f.Ctx))
	f.Start(victim)
	f.Converge(f.Nodes...)
	f.Pass(300 * time.Millisecond)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckOthersKept(victim)
	l.CheckGaps(hiccup)
	l.CheckVisits(3)
}

// backAndForth: a third of all buckets moves away and back, again and again, while
// SYNs hammer.
func backAndForth(f *farmtest.Farm) {
	mover, others := split(f)
	watch := f.Watch()
	flood := f.Flood(5000)
	moves := short(4, 1000)
	for i := range moves {
		if i%2 == 0 {
			f.Thresher(mover, "stop")
			f.Converge(others...)
		} else {
			f.Thresher(mover, "start")
			f.Converge(f.Nodes...)
		}
	}
	sent := flood.Stop()
	f.Must(watch.Settle(f.Ctx, time.Second))
	f.CheckOneAnswer(watch)
	unanswered := 0
	for _, h := range watch.All() {
		if h.Answered.IsZero() {
			unanswered++
		}
	}
	f.T.Logf("%d moves under %d SYNs, %d unanswered", moves, sent, unanswered)
	if unanswered > sent/200 {
		f.T.Errorf("%d of %d SYNs were not answered in planned moves", unanswered, sent)
	}
}

// TestM07Stray sends segments of connections that nobody has. In a settled bucket
// its owner resets them, and nobody else; while a drained node still has flows in
// the bucket, nobody does.
func TestM07Stray(t *testing.T) {
	twoAtATime(t)
	// By client, so that a bucket has flows and strays of one address.
	f := newFarm(t, lab.Config{Nodes: 3, ClientAddresses: 60}, lab.FarmOptions{Affinity: "client"})
	mover, others := split(f)
	watch := f.Watch()
	strays := lab.SYNs{To: farmtest.Echo(), MAC: f.VMAC()}
	for _, a := range f.Client.Addresses {
		strays.From = append(strays.From, netip.AddrPortFrom(a, 50_000))
	}
	send := func() map[netip.Addr][]config.MAC {
		watch.Forget()
		strays.Salt = rand.Uint32()
		f.Must(f.Client.SendStrays(f.Ctx, strays))
		f.Must(watch.Settle(f.Ctx, 300*time.Millisecond))
		f.Must(watch.Check())
		by := make(map[netip.Addr][]config.MAC)
		for _, r := range watch.Resets(strays.From...) {
			by[r.Client.Addr()] = r.By
		}
		return by
	}
	settled := send()
	for _, from := range strays.From {
		if by := settled[from.Addr()]; len(by) != 1 {
			t.Errorf("a settled stray of %v was reset by %v", from, by)
		}
	}
	kept, err := traffic.Keep(f.Ctx, f.Client, traffic.KeepOptions{To: farmtest.Echo(), Busy: 10, Idle: len(f.Client.Addresses) - 10, Sources: f.Client.Addresses})
	f.Must(err)
	t.Cleanup(func() { f.Must(kept.Close()) })
	f.Thresher(mover, "drain")
	f.Eventually(10*time.Second, "the others share the farm", func() bool {
		s, err := f.Status(others[0])
		return err == nil && farmtest.Sharing(s) == len(others)
	})
	unsettled, checked := send(), 0
	for addr, before := range settled {
		if before[0] != mover.MAC {
			continue
		}
		checked++
		if by := unsettled[addr]; len(by) > 0 {
			t.Errorf("a stray in a bucket with flows of the drained node was reset by %v: %v", by, addr)
		}
	}
	if checked == 0 {
		t.Fatal("the drained node had none of the clients")
	}
	report, err := kept.Finish(f.Ctx)
	f.Must(err)
	if len(report.Broken) > 0 {
		t.Errorf("%d connections broke", len(report.Broken))
	}
	var again map[netip.Addr][]config.MAC
	f.Eventually(10*time.Second, "all is settled, and strays are reset", func() bool {
		again = send()
		return len(again) == len(strays.From)
	})
	for addr, by := range again {
		if len(by) != 1 || by[0] == mover.MAC {
			t.Errorf("a stray was reset by %v after the drain: %v", by, addr)
		}
	}
}
