package cluster

import (
	"bytes"
	"log"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// outgoing is a network's transport by which packets are sent in turn, and whose caller
// does not wait for that: where neighbours do not answer, or the interface sends nothing
// any more, the kernel keeps packets, and their socket blocks.
type outgoing struct {
	memberlist.NodeAwareTransport
	queue chan letter
	log   *log.Logger

	closing sync.Once
	leaving chan struct{} // closed when nothing more is to be sent
	sender  sync.WaitGroup
	err     error
}

var _ memberlist.NodeAwareTransport = (*outgoing)(nil)

// letter is a packet that waits to be sent. Its bytes are shared.
type letter struct {
	packet []byte
	to     memberlist.Address
}

// queueLen is room for a round of heartbeats to 31 nodes, relays and gossip; what
// finds it full is dropped. lingering is how long closing waits for what is in it:
// memberlist's goodbye is its last packet.
const (
	queueLen  = 256
	lingering = 100 * time.Millisecond
)

// newOutgoing takes over a transport. Its Shutdown closes it.
func newOutgoing(t memberlist.NodeAwareTransport, log *log.Logger) *outgoing {
	o := &outgoing{NodeAwareTransport: t, log: log, queue: make(chan letter, queueLen), leaving: make(chan struct{})}
	o.sender.Go(o.send)
	return o
}

// WriteTo sends a packet to who has the address.
func (o *outgoing) WriteTo(b []byte, address string) (time.Time, error) {
	return o.WriteToAddress(b, memberlist.Address{Addr: address})
}

// WriteToAddress sends a packet. It does not wait, and what becomes of it, it does not
// know: that is what probes are for.
func (o *outgoing) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	o.put(letter{bytes.Clone(b), a})
	return time.Now(), nil
}

// put has a packet wait to be sent, if there is room.
func (o *outgoing) put(l letter) {
	select {
	case o.queue <- l:
	default:
	}
}

// send sends what waits, to the end also what is left.
func (o *outgoing) send() {
	for {
		select {
		case l := <-o.queue:
			o.post(l)
		case <-o.leaving:
			for {
				select {
				case l := <-o.queue:
					o.post(l)
				default:
					return
				}
			}
		}
	}
}

func (o *outgoing) post(l letter) {
	if _, err := o.NodeAwareTransport.WriteToAddress(l.packet, l.to); err != nil {
		o.log.Printf("[WARN] memberlist: a packet was not sent: %v", err)
	}
}

// Shutdown sends what waits, if it goes out soon, and closes the transport.
func (o *outgoing) Shutdown() error {
	o.closing.Do(func() {
		close(o.leaving)
		sent := make(chan struct{})
		go func() { o.sender.Wait(); close(sent) }()
		linger := time.NewTimer(lingering)
		defer linger.Stop()
		select {
		case <-sent:
		case <-linger.C:
		}
		o.err = o.NodeAwareTransport.Shutdown()
		<-sent
	})
	return o.err
}
