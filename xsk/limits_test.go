package xsk

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/asavie/xdp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The tests here hold what LIBRARIES.md found wrong in github.com/asavie/xdp
// away from us, each by what a user of this package would see.

func openTestQueue(t *testing.T, w *wire) *Queue {
	t.Helper()
	stack, err := OpenStack(w.nic, 1, 0)
	must(t, err)
	t.Cleanup(func() { must(t, stack.Close()) })
	q, err := OpenQueue(QueueOptions{Interface: w.nic.Attrs().Index, Stack: stack.In, Memory: MemoryFor(1500)})
	must(t, err)
	t.Cleanup(func() { q.Close() })
	return q
}

// held is how many frames are in each place that the queue knows of.
func held(q *Queue) (free, filled int) {
	return q.rx.free.len(), q.options.Memory.Frames/2 - q.rx.socket.NumFreeFillSlots()
}

func TestEveryFrameComesBack(t *testing.T) {
	w := newWire(t, 1)
	q := openTestQueue(t, w)
	for range 1000 {
		n := min(100, q.rx.free.len())
		for range n {
			q.tx.send(q.rx.free.take()+Headroom, 60)
		}
		must(t, q.tx.kick())
		if p := q.tx.pending(); p != 0 {
			t.Fatalf("%d of %d frames stay behind after a kick", p, n)
		}
		q.tx.reap(q.rx.free)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		q.tx.reap(q.rx.free)
		if free, filled := held(q); free+filled == q.options.Memory.Frames {
			return
		}
	}
	free, filled := held(q)
	t.Errorf("%d free and %d in the fill ring, want %d together", free, filled, q.options.Memory.Frames)
}

func TestLinkDownIsNoFailure(t *testing.T) {
	w := newWire(t, 1)
	q := openTestQueue(t, w)
	in, err := netlink.LinkByName(Pair(0).In())
	must(t, err)
	must(t, netlink.LinkSetDown(in))
	q.tx.send(q.rx.free.take()+Headroom, 60)
	must(t, q.tx.kick())
	must(t, netlink.LinkSetUp(in))
	must(t, q.tx.kick())
	if p := q.tx.pending(); p != 0 {
		t.Errorf("%d frames pending after the link came back", p)
	}
}

func TestFrameEndsWhereItEnds(t *testing.T) {
	w := newWire(t, 1)
	q := openTestQueue(t, w)
	d := xdp.Desc{Addr: 2048 + Headroom, Len: 60}
	if f := q.rx.frame(d); len(f) != 60 || cap(f) != 60 {
		t.Errorf("length %d, capacity %d, want 60 and 60", len(f), cap(f))
	}
}

func TestIdleQueueSleeps(t *testing.T) {
	w := newWire(t, 1)
	q := openTestQueue(t, w)
	start := time.Now()
	must(t, q.bell.sleep(q.rx.fd(), 50))
	if took := time.Since(start); took < 40*time.Millisecond {
		t.Errorf("waited %v, want 50 ms: an idle queue would spin", took)
	}
}

func TestBusyQueueIsNamed(t *testing.T) {
	w := newWire(t, 1)
	q := openTestQueue(t, w)
	// The first attempt is asavie/xdp's, which keeps three rings, and no other.
	for _, glance := range []bool{false, true} {
		o := q.options
		o.Glance = glance
		before, start := mappings(t), time.Now()
		_, err := openReceiver(o)
		const want = "open AF_XDP socket on queue 0: another program has an AF_XDP socket on this queue: stop it first: "
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got error %v", err)
		}
		if more := mappings(t) - before; more > 3 {
			t.Errorf("glance %v: %d mappings are left behind, want 3 at most", glance, more)
		}
		if took := time.Since(start); glance && took > time.Second {
			t.Errorf("a glance took %v", took)
		}
	}
}

// A queue is taken soon after another socket has let go of it, with few attempts.
func TestQueueIsTakenWhenFree(t *testing.T) {
	w := newWire(t, 1)
	memory := MemoryOptions{Frames: 2, FrameSize: 2048}
	area, err := unix.Mmap(-1, 0, memory.Frames*memory.FrameSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	must(t, err)
	defer unix.Munmap(area)
	other, err := newTransmitter(w.nic.Attrs().Index, 0, area, memory)
	must(t, err)
	before := mappings(t)
	if err := Probe(w.nic.Attrs().Index, 0); err == nil || !isBusy(err) || mappings(t) != before {
		t.Errorf("probed: %v, %d mappings more", err, mappings(t)-before)
	}
	closed := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() { closed <- other.close() })
	began := time.Now()
	r, err := openReceiver(QueueOptions{Interface: w.nic.Attrs().Index, Memory: MemoryFor(1500)})
	must(t, err)
	took := time.Since(began)
	must(t, <-closed)
	must(t, r.close())
	// The first attempt is made at once, the next ones after pauses that double. It closed
	// two rings itself, and an attempt leaves three.
	most := 1
	for pauses := bindPause; pauses <= took; pauses = 2*pauses + bindPause {
		most++
	}
	if more := mappings(t) - before + 2; more > 3*most {
		t.Errorf("%d mappings more: %d attempts in %v, want at most %d", more, more/3, took, most)
	}
}

// mappings is how many rings of sockets this process has mapped.
func mappings(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "socket:[") {
			n++
		}
	}
	return n
}

func TestQueueOutOfRangeLeavesNothing(t *testing.T) {
	w := newWire(t, 1)
	stack, err := OpenStack(w.nic, 1, 0)
	must(t, err)
	if q, err := OpenQueue(QueueOptions{Interface: w.nic.Attrs().Index, Stack: stack.In, Queue: 9, Memory: MemoryFor(1500)}); err == nil {
		t.Errorf("opened queue 9 of an interface that has one: %v", q)
	}
	must(t, stack.Close())
	must(t, stack.Close())
	if _, err := netlink.LinkByName(Pair(0).Out()); err == nil {
		t.Errorf("%s is still there", Pair(0).Out())
	}
}

// TestFramesUpToTheLimit: an MTU of 3,000 needs 4,096-byte frames.
func TestFramesUpToTheLimit(t *testing.T) {
	for mtu, want := range map[int]int{1500: 2048, 1770: 2048, 1771: 4096, 3000: 4096, 9000: 4096} {
		if got := MemoryFor(mtu).FrameSize; got != want {
			t.Errorf("MTU %d: frames of %d bytes, want %d", mtu, got, want)
		}
	}
}
