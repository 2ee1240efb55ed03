package segment

import (
	"bytes"
	"crypto/rand"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"

	"thresher/cluster/confirm"
	"thresher/internal/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var farmKey = [32]byte{1, 2, 3}

// pair is two interfaces joined by a cable.
type pair struct {
	t    *testing.T
	a, b *netnstest.NS
}

func newPair(t *testing.T) pair {
	p := pair{t, netnstest.New(t), netnstest.New(t)}
	p.a.Veth(t, "eth0", p.b, "eth0", 1)
	for _, ns := range []*netnstest.NS{p.a, p.b} {
		p.connected(ns)
	}
	return p
}

// connected waits until the kernel has noticed the cable: before, it drops what is
// sent.
func (p pair) connected(ns *netnstest.NS) {
	p.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		var state netlink.LinkOperState
		ns.Do(p.t, func() error {
			l, err := netlink.LinkByName("eth0")
			if err == nil {
				state = l.Attrs().OperState
			}
			return err
		})
		if state == netlink.OperUp {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("eth0 is %v", state)
		}
	}
}

// meet has b know the process that sends as a.
func meet(t *testing.T, a, b *Conn) {
	t.Helper()
	if err := a.Send(heartbeat("a", 1), Renewal); err != nil {
		t.Fatal(err)
	}
	receive(t, b, 1)
}

func (p pair) open(ns *netnstest.NS, key [32]byte) *Conn {
	p.t.Helper()
	c := p.listen(ns, key)
	p.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			p.t.Error(err)
		}
	})
	return c
}

// openOne returns a Conn that the caller closes.
func (p pair) openOne() *Conn { return p.listen(p.a, farmKey) }

func (p pair) listen(ns *netnstest.NS, key [32]byte) (c *Conn) {
	p.t.Helper()
	ns.Do(p.t, func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err == nil {
			c, err = Open(ifi, key)
		}
		return err
	})
	return c
}

func heartbeat(name string, seq uint64) *confirm.Heartbeat {
	return &confirm.Heartbeat{
		Name: name, Boot: 7, Seq: seq, Phase: confirm.Up, Lease: 600 * time.Millisecond,
		Stated: 5, Target: 6, Meta: "meta", Echoes: []confirm.Echo{{Peer: confirm.IDOf("b"), Boot: 1, Seq: 2, Heard: 3}},
	}
}

// look is how often a test looks for what wakes nobody.
const look = time.Millisecond

// receive waits for n heartbeats.
func receive(t *testing.T, c *Conn, n int) []*confirm.Heartbeat {
	t.Helper()
	var got []*confirm.Heartbeat
	deadline := time.Now().Add(5 * time.Second)
	for len(got) < n {
		if err := c.Wait(time.Now().Add(look)); err != nil || !time.Now().Before(deadline) {
			t.Fatalf("%d of %d heartbeats, %v", len(got), n, err)
		}
		c.Receive(func(hb *confirm.Heartbeat, _ Kind) { got = append(got, hb) })
	}
	return got
}

func TestHeartbeatsArriveInOrder(t *testing.T) {
	p := newPair(t)
	a, b := p.open(p.a, farmKey), p.open(p.b, farmKey)
	var want []*confirm.Heartbeat
	for seq := range uint64(200) {
		want = append(want, heartbeat("a", seq+1))
		if err := a.Send(want[seq], News); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, receive(t, b, len(want))); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
	if n := b.Receive(func(*confirm.Heartbeat, Kind) {}); n != 0 {
		t.Errorf("%d heartbeats more", n)
	}
	if err := b.Send(heartbeat("b", 1), News); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, a, 1); got[0].Name != "b" {
		t.Errorf("received %v", got[0])
	}
}

// TestRenewalsWakeNobody: they are there when the receiver looks, and only then.
func TestRenewalsWakeNobody(t *testing.T) {
	p := newPair(t)
	a, b := p.open(p.a, farmKey), p.open(p.b, farmKey)
	meet(t, a, b)
	for seq := range uint64(3) {
		if err := a.Send(heartbeat("a", seq+1), Renewal); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := b.Wait(began.Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < 50*time.Millisecond {
		t.Errorf("woken after %v", waited)
	}
	if err := a.Send(heartbeat("a", 4), News); err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	for _, hb := range receive(t, b, 4) {
		seqs = append(seqs, hb.Seq)
	}
	if diff := cmp.Diff([]uint64{1, 2, 3, 4}, seqs); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
}

// TestNoticesAreToldApart: they wake, and the receiver sees what they are.
func TestNoticesAreToldApart(t *testing.T) {
	p := newPair(t)
	a, b := p.open(p.a, farmKey), p.open(p.b, farmKey)
	meet(t, a, b)
	want := []Kind{News, Notice, Renewal}
	for i, kind := range want {
		if err := a.Send(heartbeat("a", uint64(i+1)), kind); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]Kind, len(want))
	for n, deadline := 0, time.Now().Add(5*time.Second); n < len(want); {
		if err := b.Wait(deadline); err != nil || !time.Now().Before(deadline) {
			t.Fatalf("%d of %d, %v", n, len(want), err)
		}
		n += b.Receive(func(hb *confirm.Heartbeat, kind Kind) { got[hb.Seq-1] = kind })
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
}

// TestSendingDoesNotWait: not for a link that is down or gone, and not for one that takes
// frames and sends none, as a card does that the switch has paused, until the socket's
// buffer is full.
func TestSendingDoesNotWait(t *testing.T) {
	p := newPair(t)
	a, b := p.open(p.a, farmKey), p.open(p.b, farmKey)
	send := func(when string, n int) {
		t.Helper()
		done := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < n && err == nil; i++ {
				err = a.Send(heartbeat("a", uint64(i+1)), News)
			}
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it still waits", when)
		}
	}
	link := func(change func(l netlink.Link) error) {
		t.Helper()
		p.a.Do(t, func() error {
			l, err := netlink.LinkByName("eth0")
			if err == nil {
				err = change(l)
			}
			return err
		})
	}
	paused := func(l netlink.Link) netlink.Qdisc { // but for 100 bytes per second
		attrs := netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
		return &netlink.Tbf{QdiscAttrs: attrs, Rate: 100, Buffer: netlink.Xmittime(100, 1000), Limit: 1 << 30}
	}
	link(func(l netlink.Link) error { return netlink.QdiscAdd(paused(l)) })
	send("paused", 5000)
	link(func(l netlink.Link) error { return netlink.QdiscDel(paused(l)) })
	send("after the pause", 1)
	receive(t, b, 1)

	link(netlink.LinkSetDown)
	send("down", 3)
	link(netlink.LinkSetUp)
	p.connected(p.a)
	p.connected(p.b)
	send("up again", 2) // the first is told that it was down
	receive(t, b, 1)

	link(netlink.LinkDel)
	send("gone", 3)
}

// TestWaitEnds: by time, by an interruption before it and in it, and by the end
// of the connection.
func TestWaitEnds(t *testing.T) {
	c := newPair(t).openOne()
	if err := c.Wait(time.Now().Add(time.Millisecond)); err != nil {
		t.Errorf("at its time: %v", err)
	}
	c.Interrupt()
	if err := c.Wait(time.Now().Add(time.Hour)); err != nil {
		t.Errorf("interrupted before: %v", err)
	}
	for i := range 200 {
		done := make(chan error)
		go func() { done <- c.Wait(time.Now().Add(time.Hour)) }()
		if i%2 == 0 {
			runtime.Gosched()
		}
		c.Interrupt()
		if err := <-done; err != nil {
			t.Errorf("interrupted: %v", err)
		}
	}
	done := make(chan error)
	go func() { done <- c.Wait(time.Now().Add(time.Hour)) }()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("waits on a closed connection")
	}
}

func TestStrangersAreCountedAndIgnored(t *testing.T) {
	p := newPair(t)
	b := p.open(p.b, farmKey)
	stranger := p.open(p.a, [32]byte{9})
	if err := stranger.Send(heartbeat("a", 1), News); err != nil {
		t.Fatal(err)
	}
	for _, payload := range [][]byte{{byte(News)}, {byte(News), 1}, {byte(Renewal)}, bytes.Repeat([]byte{byte(News)}, confirm.MaxSealed), {9, 9}, nil} {
		frame := append(append([]byte{}, stranger.header[:]...), payload...)
		if err := sendNow(stranger.sockets[renewals].fd, frame); err != 0 {
			t.Fatal(err)
		}
	}
	member := p.open(p.a, farmKey)
	if err := member.Send(heartbeat("a", 2), News); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, b, 1); got[0].Seq != 2 {
		t.Errorf("received %v", got[0])
	}
	// Of frames that nobody can have sealed the kernel tells nothing.
	if want := (Counters{Received: 1, Foreign: 2}); b.Counters() != want {
		t.Errorf("counted %+v, want %+v", b.Counters(), want)
	}
	if got := b.Stranger(); got != [6]byte(stranger.header[6:12]) {
		t.Errorf("the stranger is %x, want %x", got, stranger.header[6:12])
	}
}

// While a farm changes its key, heartbeats are opened under either; a cipher that
// was known is forgotten with its key.
func TestKeysChange(t *testing.T) {
	p := newPair(t)
	a, b := p.open(p.a, farmKey), p.open(p.b, farmKey)
	fresh := [32]byte{9}
	seq := uint64(0)
	say := func(from, to *Conn, heard bool) {
		t.Helper()
		seq++
		before := to.Counters()
		if err := from.Send(heartbeat("a", seq), News); err != nil {
			t.Fatal(err)
		}
		if heard {
			receive(t, to, 1)
			return
		}
		for deadline := time.Now().Add(5 * time.Second); to.Counters().Foreign == before.Foreign; {
			if err := to.Wait(time.Now().Add(look)); err != nil || !time.Now().Before(deadline) {
				t.Fatal("it did not come", err)
			}
			if n := to.Receive(func(*confirm.Heartbeat, Kind) {}); n != 0 {
				t.Fatal("it was opened")
			}
		}
	}
	set := func(c *Conn, keys ...[32]byte) {
		t.Helper()
		if err := c.SetKeys(keys...); err != nil {
			t.Fatal(err)
		}
	}
	say(a, b, true)
	set(b, farmKey, fresh)
	say(a, b, true)
	say(b, a, true)
	set(a, fresh, farmKey)
	say(a, b, true)
	say(b, a, true)
	set(b, fresh, farmKey)
	say(b, a, true)
	set(a, farmKey)
	say(a, b, true)
	say(b, a, false)
	set(b, fresh)
	say(a, b, false)
}

// forge broadcasts n frames, each of another process that is none, from an address.
func forge(t *testing.T, c *Conn, n int, kind Kind, from net.HardwareAddr) {
	t.Helper()
	for range n {
		frame := append(append([]byte{}, broadcast...), from...)
		frame = append(frame, c.header[12], c.header[13], byte(kind), confirm.Version)
		salt := make([]byte, confirm.MinSealed+100)
		rand.Read(salt)
		if err := sendNow(c.sockets[renewals].fd, append(frame, salt...)); err != 0 {
			t.Fatal(err)
		}
	}
}

// Forged frames, more than a socket takes, cost no member's heartbeat, wake nobody and
// are not all read at once. A member that nobody has heard yet gets in all the same.
func TestForgedFramesCrowdNobodyOut(t *testing.T) {
	for _, kind := range []Kind{Renewal, News} {
		p := newPair(t)
		forger, member, b := p.open(p.a, farmKey), p.open(p.a, farmKey), p.open(p.b, farmKey)
		meet(t, member, b)
		const forged = 4000
		forge(t, forger, forged, kind, net.HardwareAddr{2, 0, 0, 0, 0, 1})
		if err := b.Wait(time.Now()); err != nil {
			t.Fatal(err)
		}
		for seq := range uint64(20) {
			if err := member.Send(heartbeat("a", seq+1), kind); err != nil {
				t.Fatal(err)
			}
		}
		n := b.Receive(func(*confirm.Heartbeat, Kind) {})
		if n := b.Counters().Foreign; n == 0 || n > uint64(strangers.maxRead()) {
			t.Errorf("%d forged frames read at once, want some and at most %d", n, strangers.maxRead())
		}
		if n += len(receive(t, b, 20-n)); n != 20 {
			t.Errorf("%d of a member's heartbeats received, want 20", n)
		}
		fresh := p.open(p.a, farmKey)
		heard := 0
		for beat := uint64(1); heard == 0 && beat <= 200; beat++ {
			forge(t, forger, 20, kind, net.HardwareAddr{2, 0, 0, 0, 0, byte(beat)})
			if err := fresh.Send(heartbeat("fresh", beat), kind); err != nil {
				t.Fatal(err)
			}
			heard = b.Receive(func(hb *confirm.Heartbeat, _ Kind) {})
		}
		if heard == 0 {
			t.Error("200 heartbeats of a new process were not heard")
		}
	}
}
