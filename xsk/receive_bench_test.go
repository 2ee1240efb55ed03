package xsk

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"thresher/config"
)

// drop takes a batch, looks at each frame as a handler would, and frees it.
func (r *Receiver) drop() (n int, sum byte) {
	r.refill()
	descs := r.receive(BatchSize)
	for _, d := range descs {
		sum += r.frame(d)[12]
		r.free.put(d.Addr)
	}
	return len(descs), sum
}

// blast sends n copies of a frame into the node's interface from the kernel, in
// the client's namespace, by BPF_PROG_TEST_RUN with live frames.
func blast(b *testing.B, w *wire, n int) {
	b.Helper()
	const liveFrames = 1 << 1 // BPF_F_TEST_XDP_LIVE_FRAMES
	redirect, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "Dual BSD/GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R1, int32(w.far.Attrs().Index)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return(),
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer redirect.Close()
	frame := tcpTo(b, vip.MAC, vip.Address.String())
	if _, err := redirect.Run(&ebpf.RunOptions{Data: frame, Repeat: uint32(n), Flags: liveFrames}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkReceive compares asavie/xdp's ring steps and our own by the time that their thread takes for a
// packet, kernel not counted: frames are received first, and timed when they
// wait in the ring.
func BenchmarkReceive(b *testing.B) {
	for _, kind := range []string{"asavie", "own"} {
		b.Run(kind, func(b *testing.B) {
			w := newWire(b, 1)
			p, err := LoadProgram(rulesFor(w.nicMAC()))
			must(b, err)
			defer p.Close()
			_, err = p.Attach(w.netInterface(), "veth", config.XDPNative, nil)
			must(b, err)
			r, err := openReceiver(QueueOptions{Interface: w.nic.Attrs().Index, Memory: MemoryFor(1500), ownRings: kind == "own"})
			must(b, err)
			defer r.close()
			r.drop() // fills
			must(b, p.objects.Sockets.Put(uint32(0), uint32(r.fd())))
			must(b, p.Arm())
			measureReceive(b, w, r.drop)
		})
	}
}

func measureReceive(b *testing.B, w *wire, drop func() (int, byte)) {
	const burst = 1024
	var spent time.Duration
	var got int
	for b.Loop() {
		w.inClient(b, func() { blast(b, w, burst) })
		time.Sleep(time.Millisecond) // until the node's side has taken them all
		start := time.Now()
		for {
			n, _ := drop()
			if n == 0 {
				break
			}
			got += n
		}
		spent += time.Since(start)
	}
	if got < b.N*burst*9/10 {
		b.Fatalf("received %d of %d", got, b.N*burst)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(got), "ns/packet")
	b.ReportMetric(0, "ns/op")
}
