package xsk

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/asavie/xdp"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// Receiver is the AF_XDP socket of one queue of the interface. It only
// receives; github.com/asavie/xdp does the work, within the limits that this
// type keeps it to (docs/decisions/0002-asavie-xdp.md).
//
// It belongs to one goroutine.
type Receiver struct {
	socket *xdp.Socket
	area   []byte
	free   *freeList
	size   uint64 // of a frame, in bytes
	rings  receiveRings
	addrs  []uint64 // scratch for refill
}

// bindFlags guards asavie/xdp's package variable DefaultSocketFlags, the only
// way to give it bind flags.
var bindFlags sync.Mutex

// MemoryOptions say how a queue's packet memory is cut up.
type MemoryOptions struct {
	// Frames is the number of frames: a power of two.
	Frames int
	// FrameSize is 2048 or 4096 bytes, of which the kernel keeps Headroom.
	FrameSize int
}

// Headroom is what the kernel keeps free before each received packet, in bytes
// (XDP_PACKET_HEADROOM, include/uapi/linux/bpf.h).
const Headroom = 256

// openReceiver binds a queue of the interface. Half of the frames go into the fill
// ring at most, so that the other half can be on its way to the stack.
func openReceiver(o QueueOptions) (*Receiver, error) {
	memory := o.Memory
	what := fmt.Sprintf("open AF_XDP socket on queue %d", o.Queue)
	socket, err := whileBusy(o.patience(), sparing(
		func() error { return Probe(o.Interface, o.Queue) },
		func() (*xdp.Socket, error) { return newSocket(o) },
	))
	if err != nil && withoutZeroCopy(o, err) {
		return nil, fmt.Errorf("%s: the driver (%s) gives no zero copy on this interface, and datapath.zero_copy is on; set it to auto: %w",
			what, cmp.Or(o.Driver, "unknown"), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	// asavie/xdp leaves it open for every program that this process starts, and
	// for the one that it becomes; the queue would stay bound.
	unix.CloseOnExec(socket.FD())
	rings, err := openReceiveRings(socket, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", what, err), socket.Close())
	}
	free := newFreeList(memory.Frames, memory.FrameSize)
	return &Receiver{
		socket: socket,
		area:   socket.GetFrame(xdp.Desc{Len: uint32(memory.Frames * memory.FrameSize)}),
		free:   &free,
		size:   uint64(memory.FrameSize),
		rings:  rings,
		addrs:  make([]uint64, 0, memory.Frames/2),
	}, nil
}

// withoutZeroCopy tells whether a queue could not be opened only since it is to be with
// zero copy. The kernel answers EOPNOTSUPP then, or EINVAL (xp_assign_dev,
// net/xdp/xsk_buff_pool.c), and virtio_net ENOENT where it cannot (virtnet_xsk_pool_enable);
// but EINVAL is also the answer where there is no such queue, which no mode can bind.
func withoutZeroCopy(o QueueOptions, err error) bool {
	refused := says(err, unix.EOPNOTSUPP) || says(err, unix.EINVAL) || says(err, unix.ENOENT)
	return o.ZeroCopy == config.ZeroCopyOn && refused && Probe(o.Interface, o.Queue) == nil
}

func newSocket(o QueueOptions) (*xdp.Socket, error) {
	bindFlags.Lock()
	defer bindFlags.Unlock()
	xdp.DefaultSocketFlags = memoryFlag(o.ZeroCopy)
	return xdp.NewSocket(o.Interface, o.Queue, &xdp.SocketOptions{
		NumFrames:              o.Memory.Frames,
		FrameSize:              o.Memory.FrameSize,
		FillRingNumDescs:       o.Memory.Frames / 2,
		CompletionRingNumDescs: 64, // must exist, is never used
		RxRingNumDescs:         o.Memory.Frames / 2,
	})
}

// memoryFlag is the bind flag for a choice. Without one, the kernel takes zero-copy
// where the driver has it, and copies elsewhere (xp_assign_dev, net/xdp/xsk_buff_pool.c).
func memoryFlag(z config.ZeroCopy) uint16 {
	switch z {
	case config.ZeroCopyOn:
		return unix.XDP_ZEROCOPY
	case config.ZeroCopyOff:
		return unix.XDP_COPY
	}
	return 0
}

// refill gives free frames to the kernel to receive into.
func (r *Receiver) refill() {
	n := min(r.rings.room(), r.free.len())
	if n == 0 {
		return
	}
	r.addrs = r.addrs[:0]
	for range n {
		r.addrs = append(r.addrs, r.free.take())
	}
	r.rings.fill(r.addrs)
}

// full tells whether the kernel has as many frames to receive into as it can have.
func (r *Receiver) full() bool { return r.rings.room() == 0 }

// receive returns up to n received frames. The slice is valid until the next
// call; the frames are the caller's to pass on or to free.
func (r *Receiver) receive(n int) []xdp.Desc { return r.rings.take(n) }

// frame is a received frame's bytes. Its capacity ends with its length, so that
// an append cannot write into the next frame.
func (r *Receiver) frame(d xdp.Desc) []byte {
	return r.area[d.Addr : d.Addr+uint64(d.Len) : d.Addr+uint64(d.Len)]
}

// metaLen is the length of what the kernel program may write before a packet, in
// bytes (struct facts, xsk/bpf/facts.h).
const metaLen = 8

// takeMeta returns what the kernel program wrote before a received frame, and 0
// if it wrote nothing. Not to take a former packet's for this one's, it leaves 0
// there: nobody else writes to the headroom of frames that come and go, and the
// memory is 0 at first.
func (r *Receiver) takeMeta(d xdp.Desc) uint64 {
	if d.Addr&(r.size-1) < metaLen {
		return 0 // no room for it in this frame
	}
	b := r.area[d.Addr-metaLen : d.Addr]
	meta := binary.LittleEndian.Uint64(b)
	if meta != 0 {
		clear(b)
	}
	return meta
}

// empty is the space for a packet in the frame at addr, which must be free and
// aligned: all but the headroom, so that a frame that is sent looks as if it had
// been received.
func (r *Receiver) empty(addr uint64) []byte {
	return r.area[addr+Headroom : addr+r.size : addr+r.size]
}

// fd is the socket's descriptor, for the program's socket map.
func (r *Receiver) fd() int { return r.socket.FD() }

// zeroCopy tells whether the driver receives straight into our memory.
func (r *Receiver) zeroCopy() (bool, error) {
	var options struct{ Flags uint32 }
	if err := getsockopt(r.fd(), unix.XDP_OPTIONS, &options); err != nil {
		return false, fmt.Errorf("ask for the socket's mode: %w", err)
	}
	return options.Flags&unix.XDP_OPTIONS_ZEROCOPY != 0, nil
}

// close ends reception. asavie/xdp never unmaps its rings, so that the queue
// stays bound until this process ends.
func (r *Receiver) close() error { return errors.Join(r.rings.close(), r.socket.Close()) }
