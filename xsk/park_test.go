package xsk

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/pipeline"
)

// parker parks every packet while it is shut, and passes it when it is open.
type parker struct {
	lot   *pipeline.Lot
	table *pipeline.Table // accepts all that is sent here
	open  atomic.Bool
	every int // shuts and opens after so many batches, if not 0

	isOpen       bool // in this step
	batches      int
	seen, passed atomic.Int64
}

func newParker(t testing.TB, nic config.MAC) *parker {
	t.Helper()
	rules, err := pipeline.Compile([]config.VIP{vip}, []config.Rule{
		{Name: "echo", Protocol: config.UDP, Ports: []config.PortRange{{First: 7, Last: 7}}},
		{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}}},
	}, config.HashKey{Function: config.Multilinear, Secret: [16]byte{1}}, nic)
	must(t, err)
	all := &pipeline.Part{}
	for b := range pipeline.Buckets {
		all.Mine.Set(uint16(b))
	}
	return &parker{
		lot:   pipeline.NewLot(pipeline.LotSlots),
		table: pipeline.NewTable(rules, &pipeline.Share{Rules: []*pipeline.Part{all, all}, Echo: all}),
	}
}

func (p *parker) Begin() {
	if p.every > 0 {
		p.batches++
		p.open.Store(p.batches/p.every%2 == 1)
	}
	if open := p.open.Load(); open != p.isOpen {
		p.isOpen = open
		p.lot.Review()
	}
}

func (p *parker) Waiting() bool { return p.lot.Len() > 0 }

func (p *parker) Release(frame []byte) int {
	if !p.isOpen {
		return 0
	}
	n := p.lot.Release(p.table, pipeline.Lease{Now: now(), Deadline: math.MaxInt64}, frame)
	if n > 0 {
		p.table.Deliver(frame)
		p.passed.Add(1)
	}
	return n
}

func (p *parker) Handle(b *Batch) {
	// Counted when it is done: who reads the count looks at the lot next.
	defer p.seen.Add(int64(len(b.Frames)))
	for i, frame := range b.Frames {
		if !p.isOpen {
			p.lot.Park(frame, pipeline.ParseFacts(b.Metas[i]), now())
			continue
		}
		p.table.Deliver(frame)
		b.Pass[i] = true
		p.passed.Add(1)
	}
}

func now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// eventually waits until done, for some seconds at most.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// TestParkedDatagramsReachTheStack parks datagrams, and takes them at a server on
// the VIP, in their order, when the handler lets them go; nothing else arrives
// then that would wake the queue.
func TestParkedDatagramsReachTheStack(t *testing.T) {
	for _, mode := range []config.XDPMode{config.XDPNative, config.XDPGeneric} {
		t.Run(mode.String(), func(t *testing.T) {
			w := newWire(t, 1)
			h := newParker(t, w.nicMAC())
			newPath(t, w, w.nicMAC(), mode, 1, h)
			server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: vip.Address.AsSlice(), Port: 7})
			must(t, err)
			defer server.Close()
			const n = 200
			send := w.sender(t)
			for i := range uint32(n) {
				send(binary.BigEndian.AppendUint32(nil, i))
			}
			eventually(t, "all are parked", func() bool { return h.seen.Load() == n })
			if s := h.lot.Stats(); s.Now != n || s.Total != n {
				t.Fatalf("%+v, want %d parked", s, n)
			}

			opened := time.Now()
			h.open.Store(true)
			must(t, server.SetReadDeadline(opened.Add(10*time.Second)))
			buf := make([]byte, 64)
			for i := range uint32(n) {
				size, err := server.Read(buf)
				must(t, err)
				if got := binary.BigEndian.Uint32(buf[:size]); got != i {
					t.Fatalf("datagram %d arrives in the place of %d", got, i)
				}
			}
			t.Logf("%d datagrams at the server %v after the change", n, time.Since(opened))
			if s := h.lot.Stats(); s.Now != 0 || s.Released != n || s.Dropped != 0 {
				t.Errorf("afterwards %+v", s)
			}
		})
	}
}

// sender sends datagrams from the client to the VIP's port 7.
func (w *wire) sender(t testing.TB) (send func(text []byte)) {
	t.Helper()
	var c *net.UDPConn
	var err error
	w.inClient(t, func() { c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: clientIP.Addr().AsSlice()}) })
	must(t, err)
	t.Cleanup(func() { c.Close() })
	to := netip.AddrPortFrom(vip.Address, 7)
	return func(text []byte) {
		_, err := c.WriteToUDPAddrPort(text, to)
		must(t, err)
	}
}

// chaff is a packet to be parked by hand.
func chaff(t testing.TB) []byte { return tcpTo(t, vip.MAC, vip.Address.String()) }

// readyQueue is a queue that gets frames and that the test steps by hand.
func readyQueue(t *testing.T, w *wire) *Queue {
	t.Helper()
	p, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	t.Cleanup(func() { p.Close() })
	attach(t, w, p, config.XDPNative)
	q := openTestQueue(t, w)
	must(t, p.Register(q))
	must(t, p.Arm())
	return q
}

// TestNoFrameIsLost counts the frames after 100,000 packets, passed, dropped,
// parked and released in turns.
func TestNoFrameIsLost(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every int // batches between shutting and opening
		open  bool
	}{{"without parking", 0, true}, {"all parked", 0, false}, {"in turns", 20, false}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, 1)
			q := readyQueue(t, w)
			h := newParker(t, w.nicMAC())
			h.every = tt.every
			h.open.Store(tt.open)
			send := w.sender(t)
			const packets, burst = 100_000, 500
			step := func() int {
				n, err := q.step(h)
				must(t, err)
				return n
			}
			for range packets / burst {
				for range burst {
					send([]byte("chaff"))
				}
				for step() > 0 {
				}
			}
			for step() > 0 {
			}
			eventually(t, "every frame is free or in the fill ring", func() bool {
				step()
				free, filled := held(q)
				return free+filled == q.options.Memory.Frames
			})
			if n := h.seen.Load(); n < packets*9/10 {
				t.Errorf("%d packets only", n)
			}
			s := h.lot.Stats()
			if (tt.every == 0) != (s.Released == 0) || tt.open != (s.Total == 0) {
				t.Errorf("%d seen, %d passed, parked %+v: not what the test is for", h.seen.Load(), h.passed.Load(), s)
			}
			t.Logf("%d seen, %d passed, parked %+v", h.seen.Load(), h.passed.Load(), s)
		})
	}
}

// TestStepAllocatesNothing takes what was received before, parks it, and releases
// it in the next step.
func TestStepAllocatesNothing(t *testing.T) {
	w := newWire(t, 1)
	q := readyQueue(t, w)
	h := newParker(t, w.nicMAC())
	h.every = 1
	must(t, q.bell.sleep(q.rx.fd(), 0))
	const steps = 20
	send := w.sender(t)
	for range (steps + 1) * BatchSize {
		send([]byte("chaff"))
	}
	eventually(t, "enough packets wait", func() bool {
		if q.rx.socket.NumReceived() >= (steps+1)*BatchSize {
			return true
		}
		send([]byte("chaff")) // a veth may have lost one: it has room for 256
		return false
	})
	if n := testing.AllocsPerRun(steps, func() {
		_, err := q.step(h)
		must(t, err)
	}); n != 0 {
		t.Errorf("%v allocations in a step, want 0", n)
	}
	if s := h.lot.Stats(); h.seen.Load() != (steps+1)*BatchSize || s.Released == 0 {
		t.Errorf("%d seen, parked %+v: not what the test is for", h.seen.Load(), s)
	}
}

// TestWaitingQueueComesBackSoon measures how often an idle queue looks whether
// what is parked may go.
func TestWaitingQueueComesBackSoon(t *testing.T) {
	w := newWire(t, 1)
	q := readyQueue(t, w)
	h := newParker(t, w.nicMAC())
	took := func(times int) time.Duration { // the median
		var all []time.Duration
		for range times {
			start := time.Now()
			must(t, q.idle(h))
			all = append(all, time.Since(start))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	var rung atomic.Bool
	timer := time.AfterFunc(300*time.Millisecond, func() { rung.Store(true); q.bell.ring() })
	defer timer.Stop()
	if d := took(1); !rung.Load() {
		t.Errorf("with nothing parked it sleeps %v, and not until something happens", d)
	}
	h.lot.Park(chaff(t), pipeline.Facts{}, now())
	if d := took(9); d > 10*time.Millisecond {
		t.Errorf("with something parked it sleeps %v", d)
	}
}

// TestPendingIsNotPassed: what the stack has not taken yet was judged by the old
// table, and still comes.
func TestPendingIsNotPassed(t *testing.T) {
	w := newWire(t, 1)
	q := readyQueue(t, w)
	h := newParker(t, w.nicMAC())
	h.open.Store(true)
	in, err := netlink.LinkByName(Pair(0).In())
	must(t, err)
	must(t, netlink.LinkSetDown(in))
	before := q.Mark()
	w.sender(t)([]byte("chaff"))
	eventually(t, "the packet is handled", func() bool {
		_, err := q.step(h)
		must(t, err)
		return h.passed.Load() > 0
	})
	if q.tx.pending() == 0 {
		t.Fatal("the stack took it though the way is down")
	}
	during := q.Mark()
	if !q.Passed(before) || q.Passed(during) {
		t.Errorf("passed %v before the step, %v in it", q.Passed(before), q.Passed(during))
	}
	_, err = q.step(h)
	must(t, err)
	if q.Passed(during) {
		t.Error("passed while a frame is pending")
	}
	must(t, netlink.LinkSetUp(in))
	_, err = q.step(h)
	must(t, err)
	if !q.Passed(during) {
		t.Error("not passed after the stack took everything")
	}
}

// TestFullTransmitterKeepsPackets: with no frame free, what is parked stays.
func TestFullTransmitterKeepsPackets(t *testing.T) {
	w := newWire(t, 1)
	q := readyQueue(t, w)
	h := newParker(t, w.nicMAC())
	h.lot.Park(chaff(t), pipeline.Facts{}, now())
	h.open.Store(true)
	h.Begin()
	var taken []uint64
	for q.rx.free.len() > 0 {
		taken = append(taken, q.rx.free.take())
	}
	if n := q.release(h); n != 0 || h.lot.Len() != 1 {
		t.Errorf("released %d without a frame, %d stay", n, h.lot.Len())
	}
	for _, addr := range taken {
		q.rx.free.put(addr)
	}
	if n := q.release(h); n != 1 || h.lot.Len() != 0 {
		t.Errorf("released %d, %d stay", n, h.lot.Len())
	}
}
