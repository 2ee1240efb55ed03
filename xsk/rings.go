package xsk

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/asavie/xdp"
	"golang.org/x/sys/unix"
)

// receiveRings are a receiving socket's two rings: frames for the kernel to receive
// into, and those that it has received.
type receiveRings interface {
	// room is how many frames more the kernel can have to receive into.
	room() int
	// fill gives it frames to receive into, as many as there is room for at most.
	fill(addrs []uint64)
	// take returns up to n received frames. The slice is valid until the next call.
	take(n int) []xdp.Desc
	close() error
}

// openReceiveRings takes asavie/xdp's ring steps where they can be put in order. Each
// of them stores entries and then an index, plainly: amd64 keeps such stores in order,
// and no barrier around the step does it elsewhere
// (docs/decisions/0034-arm64.md).
func openReceiveRings(socket *xdp.Socket, o QueueOptions) (receiveRings, error) {
	if o.ownRings || runtime.GOARCH != "amd64" {
		return openOwnRings(socket.FD(), o.Memory.Frames/2)
	}
	return &asavieRings{socket: socket, descs: make([]xdp.Desc, 0, o.Memory.Frames/2)}, nil
}

// asavieRings are the rings as asavie/xdp has them.
type asavieRings struct {
	socket *xdp.Socket
	descs  []xdp.Desc // scratch for fill
	order  barrier
}

func (r *asavieRings) room() int {
	r.order.full()
	return r.socket.NumFreeFillSlots()
}

func (r *asavieRings) fill(addrs []uint64) {
	r.descs = r.descs[:0]
	for _, addr := range addrs {
		r.descs = append(r.descs, xdp.Desc{Addr: addr})
	}
	r.order.full()
	r.socket.Fill(r.descs)
	r.order.full()
}

func (r *asavieRings) take(n int) []xdp.Desc {
	r.order.full()
	if r.socket.NumReceived() == 0 {
		return nil
	}
	r.order.full()
	descs := r.socket.Receive(n)
	r.order.full()
	return descs
}

// close leaves the rings mapped, as asavie/xdp does.
func (r *asavieRings) close() error { return nil }

// ownRings are the same rings, mapped once more, with our own steps.
type ownRings struct {
	filled   producerRing[uint64]
	received consumerRing[xdp.Desc]
	descs    []xdp.Desc // scratch for take
}

func openOwnRings(fd, length int) (r *ownRings, err error) {
	r = &ownRings{descs: make([]xdp.Desc, BatchSize)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	offsets, err := ringOffsets(fd)
	if err != nil {
		return r, err
	}
	if r.filled.ring, err = mapRing[uint64](fd, unix.XDP_UMEM_PGOFF_FILL_RING, offsets.Fr, length); err != nil {
		if errors.Is(err, unix.EBUSY) {
			err = fmt.Errorf("this kernel does not let a bound AF_XDP socket's rings be mapped again, which all processors but amd64's need: use a newer one (Linux 6.1 does not, 6.12 does): %w", err)
		}
		return r, err
	}
	r.received.ring, err = mapRing[xdp.Desc](fd, unix.XDP_PGOFF_RX_RING, offsets.Rx, length)
	return r, err
}

func (r *ownRings) room() int { return r.filled.room() }

func (r *ownRings) fill(addrs []uint64) {
	for _, addr := range addrs {
		r.filled.put(addr)
	}
	r.filled.publish()
}

func (r *ownRings) take(n int) []xdp.Desc {
	return r.descs[:r.received.take(r.descs[:min(n, len(r.descs))])]
}

func (r *ownRings) close() error { return errors.Join(r.filled.unmap(), r.received.unmap()) }
