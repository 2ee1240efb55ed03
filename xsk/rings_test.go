package xsk

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/internal/leftout"
)

// TestEveryFrameIsReceivedOnce takes numbered datagrams in bursts of all lengths, so
// many that both rings go round more than once.
func TestEveryFrameIsReceivedOnce(t *testing.T) {
	for name, own := range map[string]bool{"as the machine has it": false, "our own steps": true} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, 1)
			p, err := LoadProgram(rulesFor(w.nicMAC()))
			must(t, err)
			defer p.Close()
			attach(t, w, p, config.XDPGeneric)
			o := QueueOptions{Interface: w.nic.Attrs().Index, Memory: MemoryFor(1500), ownRings: own}
			r, err := openReceiver(o)
			if own && errors.Is(err, unix.EBUSY) {
				leftout.Skip(t, err.Error())
			}
			must(t, err)
			defer func() { must(t, r.close()) }()
			r.refill()
			must(t, p.objects.Sockets.Put(uint32(0), uint32(r.fd())))
			must(t, p.Arm())
			receiveNumbered(t, w, r, 3*o.Memory.Frames)
			r.refill()
			if free := r.free.len(); !r.full() || free != o.Memory.Frames/2 {
				t.Errorf("%d frames are free and the kernel has all that it can have: %v; want %d", free, r.full(), o.Memory.Frames/2)
			}
		})
	}
}

// receiveNumbered sends total datagrams, and holds that each comes once and in order.
func receiveNumbered(t *testing.T, w *wire, r *Receiver, total int) {
	t.Helper()
	send := w.sender(t)
	sent, got := 0, 0
	for burst := 1; got < total; burst = burst%(2*BatchSize) + 1 {
		for range burst {
			send(binary.BigEndian.AppendUint32(nil, uint32(sent)))
			sent++
		}
		eventually(t, "a burst has come", func() bool {
			for _, d := range r.receive(BatchSize) {
				// The number is after the Ethernet, IPv4 and UDP headers.
				if n := binary.BigEndian.Uint32(r.frame(d)[14+20+8:]); int(n) != got {
					t.Fatalf("datagram %d came after %d", n, got-1)
				}
				got++
				r.free.put(d.Addr)
			}
			r.refill()
			return got == sent
		})
	}
}

// Where asavie/xdp's steps are in no order, they are not taken.
func TestRingsFitTheArchitecture(t *testing.T) {
	w := newWire(t, 1)
	r, err := openReceiver(QueueOptions{Interface: w.nic.Attrs().Index, Memory: MemoryFor(1500)})
	must(t, err)
	defer func() { must(t, r.close()) }()
	if _, own := r.rings.(*ownRings); own != (runtime.GOARCH != "amd64") {
		t.Errorf("on %s the rings are %T", runtime.GOARCH, r.rings)
	}
}
