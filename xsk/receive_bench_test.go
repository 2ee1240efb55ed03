package xsk

import (
	"testing"
	"time"

	"github.com/asavie/xdp"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// ringReceiver is the receiving side on our own ring code: what Receiver is
// measured against (docs/decisions/0005-receive-side.md).
type ringReceiver struct {
	fd    int
	area  []byte
	free  freeList
	fill  producerRing[uint64]
	rx    consumerRing[unix.XDPDesc]
	descs []unix.XDPDesc
}

func openRingReceiver(b *testing.B, ifindex, queue int, m MemoryOptions) *ringReceiver {
	b.Helper()
	r := &ringReceiver{free: newFreeList(m.Frames, m.FrameSize), descs: make([]unix.XDPDesc, BatchSize)}
	var err error
	check := func(e error) {
		b.Helper()
		if e != nil {
			b.Fatal(e)
		}
	}
	r.area, err = unix.Mmap(-1, 0, m.Frames*m.FrameSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	check(err)
	r.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	check(err)
	check(registerMemory(r.fd, r.area, m.FrameSize))
	check(unix.SetsockoptInt(r.fd, unix.SOL_XDP, unix.XDP_UMEM_FILL_RING, m.Frames/2))
	check(unix.SetsockoptInt(r.fd, unix.SOL_XDP, unix.XDP_UMEM_COMPLETION_RING, 64))
	check(unix.SetsockoptInt(r.fd, unix.SOL_XDP, unix.XDP_RX_RING, m.Frames/2))
	var offsets unix.XDPMmapOffsets
	check(getsockopt(r.fd, unix.XDP_MMAP_OFFSETS, &offsets))
	r.fill.ring, err = mapRing[uint64](r.fd, unix.XDP_UMEM_PGOFF_FILL_RING, offsets.Fr, m.Frames/2)
	check(err)
	r.rx.ring, err = mapRing[unix.XDPDesc](r.fd, unix.XDP_PGOFF_RX_RING, offsets.Rx, m.Frames/2)
	check(err)
	check(unix.Bind(r.fd, &unix.SockaddrXDP{Ifindex: uint32(ifindex), QueueID: uint32(queue)}))
	b.Cleanup(func() {
		check(r.fill.unmap())
		check(r.rx.unmap())
		check(unix.Close(r.fd))
	})
	return r
}

func (r *ringReceiver) refill() {
	n := min(r.fill.room(), r.free.len())
	if n == 0 {
		return
	}
	for range n {
		r.fill.put(r.free.take())
	}
	r.fill.publish()
}

// drop takes a batch, looks at each frame as a handler would, and frees it.
func (r *ringReceiver) drop() (n int, sum byte) {
	r.refill()
	n = r.rx.take(r.descs)
	for _, d := range r.descs[:n] {
		sum += r.area[d.Addr+12]
		r.free.put(d.Addr)
	}
	return n, sum
}

// drop does the same as ringReceiver's.
func (r *Receiver) drop() (n int, sum byte) {
	r.refill()
	descs := r.receive(BatchSize)
	for _, d := range descs {
		sum += r.frame(xdp.Desc(d))[12]
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

// BenchmarkReceive compares the two by the time that their thread takes for a
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
			var fd int
			var drop func() (int, byte)
			memory := MemoryFor(1500)
			if kind == "asavie" {
				r, err := openReceiver(QueueOptions{Interface: w.nic.Attrs().Index, Memory: memory})
				must(b, err)
				defer r.close()
				fd, drop = r.fd(), r.drop
			} else {
				r := openRingReceiver(b, w.nic.Attrs().Index, 0, memory)
				fd, drop = r.fd, r.drop
			}
			drop() // fills
			must(b, p.objects.Sockets.Put(uint32(0), uint32(fd)))
			must(b, p.Arm())
			measureReceive(b, w, drop)
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
