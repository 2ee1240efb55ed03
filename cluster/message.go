package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"
)

// Bounds of messages.
const (
	// MaxMessage is the longest payload of Send, in bytes: twice what the longest
	// report of flows needs.
	MaxMessage = 1 << 20
	// MaxBestEffort is the longest payload of SendBestEffort. With name, label and
	// encryption it still fits the smallest UDP packet of the profiles, 1,400
	// bytes (memberlist.Config.UDPBufferSize).
	MaxBestEffort = 1000
	// inboxLen is how many received messages wait for the reader, outboxLen how
	// many wait for one receiver.
	inboxLen, outboxLen = 256, 16
	// sendTimeout is how long it may take to reach the receiver of one message,
	// and then how long to write the message.
	sendTimeout = time.Second
)

// Errors of Send and SendBestEffort.
var (
	// ErrUnknownMember is returned for a receiver that is no live member.
	ErrUnknownMember = errors.New("no live member of this name")
	// ErrQueueFull is returned when too many messages wait for the receiver.
	ErrQueueFull = errors.New("too many messages wait for this member")
)

// Message is what another node sent by Send or SendBestEffort. Who sent it, the
// payload must say; with a key, it was a node of the farm.
type Message struct {
	// Kind is what the sender gave. The kinds are the callers' business.
	Kind byte
	// Payload belongs to the receiver.
	Payload []byte
}

// MessageCounts count messages since Start.
type MessageCounts struct {
	// Sent and Received are whole messages, by either way. What SendBestEffort sends
	// is received once on each network.
	Sent, Received uint64
	// Failed could not be sent, Overflowed found the receiver's queue full, and
	// Dropped came faster than they were read, or empty.
	Failed, Overflowed, Dropped uint64
}

// Messages returns the channel of messages received. It has room for some; while
// it is full, further ones are dropped and counted. It is never closed.
func (c *Cluster) Messages() <-chan Message { return c.delegate.inbox }

// MessageCounts returns how many messages there were.
func (c *Cluster) MessageCounts() MessageCounts {
	return MessageCounts{
		Sent: c.outboxes.sent.Load(), Failed: c.outboxes.failed.Load(), Overflowed: c.outboxes.overflowed.Load(),
		Received: c.delegate.received.Load(), Dropped: c.delegate.dropped.Load(),
	}
}

// Send queues a message for a member, over TCP, and returns at once. A message
// that does not reach its receiver in time is given up. Messages to one member
// are sent one after another, but each on a connection of its own, so that they
// may arrive in another order. The payload is copied.
func (c *Cluster) Send(to string, kind byte, payload []byte) error {
	if len(payload) > MaxMessage {
		return fmt.Errorf("send to %s: %d bytes: at most %d", to, len(payload), MaxMessage)
	}
	if err := c.outboxes.put(c, to, frame(kind, payload)); err != nil {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}

// SendBestEffort sends a message to a member as one UDP packet, which may be
// lost. It does not wait.
func (c *Cluster) SendBestEffort(to string, kind byte, payload []byte) error {
	if len(payload) > MaxBestEffort {
		return fmt.Errorf("send to %s: %d bytes: at most %d", to, len(payload), MaxBestEffort)
	}
	if !c.begin() {
		return ErrClosed
	}
	defer c.work.Done()
	node, err := c.receiver(to)
	if err == nil {
		err = c.list.SendBestEffort(node, frame(kind, payload))
	}
	if err != nil {
		c.outboxes.failed.Add(1)
		return fmt.Errorf("send to %s: %w", to, err)
	}
	c.outboxes.sent.Add(1)
	return nil
}

// frame puts the kind before the payload.
func frame(kind byte, payload []byte) []byte {
	return append(append(make([]byte, 0, 1+len(payload)), kind), payload...)
}

// receiver returns what memberlist needs to know of a live member.
func (c *Cluster) receiver(name string) (*memberlist.Node, error) {
	m, known := c.delegate.member(name)
	if !known || !m.Alive {
		return nil, ErrUnknownMember
	}
	return &memberlist.Node{Name: m.Name, Addr: m.Address.Addr().AsSlice(), Port: m.Address.Port()}, nil
}
