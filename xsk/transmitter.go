package xsk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// transmitter is the AF_XDP socket that sends frames out of one queue of an
// interface, from memory that a Receiver fills: it registers the same memory
// again instead of sharing the receiver's registration, for that would force the
// receiver's mode upon it (EOPNOTSUPP where the NIC is in zero-copy mode and
// this end, a veth, cannot be).
//
// It belongs to one goroutine.
type transmitter struct {
	fd    int
	queue producerRing[unix.XDPDesc]
	done  consumerRing[uint64]
	batch int      // how many frames one system call sends
	addrs []uint64 // scratch for reap
}

// openTransmitter binds the queue to the stack over area. The area must stay mapped
// until close.
func openTransmitter(o QueueOptions, area []byte) (*transmitter, error) {
	what := fmt.Sprintf("open AF_XDP socket to the stack, queue %d", o.Queue)
	t, err := whileBusy(bindPatience, func() (*transmitter, error) {
		return newTransmitter(o.Stack, o.Queue, area, o.Memory)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return t, nil
}

func newTransmitter(ifindex, queue int, area []byte, memory MemoryOptions) (t *transmitter, err error) {
	t = &transmitter{fd: -1, addrs: make([]uint64, 64)}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
			t = nil
		}
	}()
	if t.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return t, fmt.Errorf("socket: %w", err)
	}
	if err = registerMemory(t.fd, area, memory.FrameSize); err != nil {
		return t, err
	}
	if err = t.mapRings(memory.Frames); err != nil {
		return t, err
	}
	t.batch = raiseBatch(t.fd)
	address := &unix.SockaddrXDP{Flags: unix.XDP_COPY | unix.XDP_USE_NEED_WAKEUP, Ifindex: uint32(ifindex), QueueID: uint32(queue)}
	if err = unix.Bind(t.fd, address); err != nil {
		return t, fmt.Errorf("bind: %w", err)
	}
	return t, nil
}

// mapRings makes both rings as long as there are frames: neither can ever be
// full. A fill ring must exist before the kernel binds, however short.
func (t *transmitter) mapRings(frames int) error {
	for _, r := range []struct{ option, length int }{
		{unix.XDP_UMEM_FILL_RING, 1},
		{unix.XDP_UMEM_COMPLETION_RING, frames},
		{unix.XDP_TX_RING, frames},
	} {
		if err := unix.SetsockoptInt(t.fd, unix.SOL_XDP, r.option, r.length); err != nil {
			return fmt.Errorf("set ring size: %w", err)
		}
	}
	offsets, err := ringOffsets(t.fd)
	if err != nil {
		return err
	}
	if t.queue.ring, err = mapRing[unix.XDPDesc](t.fd, unix.XDP_PGOFF_TX_RING, offsets.Tx, frames); err != nil {
		return err
	}
	t.done.ring, err = mapRing[uint64](t.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, offsets.Cr, frames)
	return err
}

// send queues a frame; kick starts it.
func (t *transmitter) send(addr uint64, length uint32) {
	t.queue.put(unix.XDPDesc{Addr: addr, Len: length})
}

// In copy mode one system call sends 32 frames at most (TX_BATCH_SIZE,
// net/xdp/xsk.c), and since Linux 6.17 as many as the socket asks for
// (XDP_MAX_TX_SKB_BUDGET, include/uapi/linux/if_xdp.h).
const (
	kickBatch       = 32
	wantedKickBatch = 2 * BatchSize
)

// raiseBatch asks for larger batches, and returns what a call sends.
func raiseBatch(fd int) int {
	if unix.SetsockoptInt(fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, wantedKickBatch) != nil {
		return kickBatch
	}
	return wantedKickBatch
}

// kick shows queued frames to the kernel and makes it send them. What it cannot
// take at the moment stays queued for the next kick: pending tells.
func (t *transmitter) kick() error {
	t.queue.publish()
	for tries := t.queue.pending()/t.batch + 2; tries > 0 && t.queue.pending() > 0 && t.queue.sleeps(); tries-- {
		if err := sendPending(t.fd); err != nil {
			return err
		}
	}
	return nil
}

// sendPending is one system call's worth of sending. The errors that mean "not
// now" are those that the kernel's own sample takes so (xdp-tools,
// lib/util/xdpsock.c).
func sendPending(fd int) error {
	for {
		err := unix.Sendto(fd, nil, unix.MSG_DONTWAIT, nil)
		switch {
		case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EBUSY),
			errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENETDOWN):
			return nil
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("send to the stack: %w", err)
		}
	}
}

// pending is how many frames the kernel has still to take.
func (t *transmitter) pending() int { return t.queue.pending() }

// reap frees the frames that the kernel is done with.
func (t *transmitter) reap(free *freeList) {
	for {
		n := t.done.take(t.addrs)
		for _, addr := range t.addrs[:n] {
			free.put(addr)
		}
		if n < len(t.addrs) {
			return
		}
	}
}

func (t *transmitter) close() error {
	errs := []error{t.queue.unmap(), t.done.unmap()}
	if t.fd >= 0 {
		errs = append(errs, unix.Close(t.fd))
		t.fd = -1
	}
	return errors.Join(errs...)
}
