// Package xsk takes VIP packets off the interface and puts accepted ones into
// this machine's stack, without copying them in user space.
//
//	interface, queue q -> XDP program -> AF_XDP socket (Receiver)
//	                                          |  the frame stays where it is,
//	                                          v  its descriptor moves on
//	interface's ingress <- mirred <- thr1 <- thr0 <- AF_XDP socket (Transmitter)
//
// # Who owns a frame
//
// The memory of a queue is cut into frames of one size. At any moment a frame is
// in exactly one place: the free list, the fill ring (the kernel may write it),
// the receive ring or the current batch (we may read and write it), or the
// transmit or completion ring (the kernel reads it). A packet that the handler
// releases later is written into a frame from the free list, which goes to the
// transmit ring, or back if there was none. Only the queue's goroutine moves
// frames between places we own. A frame's address may point into the
// frame, since the kernel leaves headroom; freeing rounds it down.
//
// # Memory ordering
//
// A ring has one producer and one consumer, one of them the kernel. The producer
// writes entries, then publishes its index with release; the consumer reads the
// index with acquire, then the entries, then releases its own index. Our own
// ring steps (ring.go) use sync/atomic for the indexes, which is sequentially
// consistent and so more than enough. github.com/asavie/xdp uses plain loads and
// stores, within one step too: its steps stand between barriers (barrier.go) on
// amd64, which keeps stores in order by itself, and elsewhere the Receiver takes
// our own steps on the socket that asavie/xdp opened (rings.go,
// docs/decisions/0034-arm64.md).
// Source: Linux, Documentation/networking/af_xdp.rst and net/xdp/xsk_queue.h.
package xsk
