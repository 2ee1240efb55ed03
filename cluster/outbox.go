package cluster

import (
	"sync"
	"sync/atomic"
)

// outboxes are the messages that wait, by receiver. A receiver's messages are
// sent by one goroutine after another, which lives while there are any.
type outboxes struct {
	mu     sync.Mutex
	queues map[string][][]byte // there is an entry while a goroutine sends

	sent, failed, overflowed atomic.Uint64
}

func newOutboxes() *outboxes { return &outboxes{queues: make(map[string][][]byte)} }

// put queues a message, and starts sending if nobody does.
func (o *outboxes) put(c *Cluster, to string, message []byte) error {
	if !c.begin() {
		return ErrClosed
	}
	if _, err := c.receiver(to); err != nil {
		c.work.Done()
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	queue, sending := o.queues[to]
	if len(queue) >= outboxLen {
		o.overflowed.Add(1)
		c.work.Done()
		return ErrQueueFull
	}
	o.queues[to] = append(queue, message)
	if sending {
		c.work.Done()
		return nil
	}
	go func() {
		defer c.work.Done()
		o.run(c, to)
	}()
	return nil
}

// run sends a receiver's messages until there are no more.
func (o *outboxes) run(c *Cluster, to string) {
	for {
		message, ok := o.next(to)
		if !ok {
			return
		}
		if err := c.deliver(to, message); err != nil {
			o.failed.Add(1)
		} else {
			o.sent.Add(1)
		}
	}
}

// next takes a receiver's first message out.
func (o *outboxes) next(to string) ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	queue := o.queues[to]
	if len(queue) == 0 {
		delete(o.queues, to)
		return nil, false
	}
	o.queues[to] = queue[1:]
	return queue[0], true
}

// deliver sends one message. What still waits when the cluster is shut down is
// not sent: Shutdown waits for the one that is under way.
func (c *Cluster) deliver(to string, message []byte) error {
	c.closing.Lock()
	closed := c.closed
	c.closing.Unlock()
	if closed {
		return ErrClosed
	}
	node, err := c.receiver(to)
	if err != nil {
		return err
	}
	node.Name = messagePrefix + node.Name
	return c.list.SendReliable(node, message)
}
