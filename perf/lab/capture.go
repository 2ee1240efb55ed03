package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"thresher/config"
)

const (
	// captureBytes of each frame are looked at: enough for all headers, and
	// for telling datagrams apart.
	captureBytes = 256
	// captureBuffer is the socket's buffer in bytes. A small frame costs about
	// 1 KiB of it, so that it holds 2 s of 20,000 frames/s. Linux doubles it.
	captureBuffer = 32 << 20
)

// Capture is the oracle of every end-to-end test. It sees what a host receives
// from a VIP and notes who sent it: a node answers with its own Ethernet
// address, so a connection answered by two addresses was accepted by two nodes.
// It never asks the nodes.
type Capture struct {
	conn *packet.Conn
	done chan struct{}

	mu      sync.Mutex
	answers map[Flow]map[config.MAC]int
	frames  uint64
	damaged uint64
	drops   uint64
	err     error
	closed  bool
}

// Capture starts to watch what the host receives from those addresses, VIP() if
// there are none. The caller closes it; Close of the lab does too.
func (h *Host) Capture(vips ...netip.Addr) (*Capture, error) {
	if len(vips) == 0 {
		vips = []netip.Addr{VIP()}
	}
	filter, err := fromFilter(vips)
	if err != nil {
		return nil, err
	}
	c := &Capture{done: make(chan struct{}), answers: map[Flow]map[config.MAC]int{}}
	err = h.Do(func() error { return c.open(&packet.Config{Filter: filter}) })
	if err != nil {
		return nil, fmt.Errorf("lab: capture on %s: %w", h.Name, err)
	}
	go c.read()
	if err := h.own(c); err != nil {
		return nil, err
	}
	return c, nil
}

// open runs inside the host.
func (c *Capture) open(cfg *packet.Config) error {
	ifi, err := net.InterfaceByName(Interface)
	if err != nil {
		return err
	}
	if c.conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, cfg); err != nil {
		return err
	}
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return errors.Join(err, c.conn.Close())
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		optErr = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer),
			unix.SetsockoptInt(int(fd), unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	})
	if err = errors.Join(err, optErr); err != nil {
		return errors.Join(err, c.conn.Close())
	}
	return nil
}

func (c *Capture) read() {
	defer close(c.done)
	d := newDecoder()
	buf := make([]byte, captureBytes)
	for {
		n, _, err := c.conn.ReadFrom(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // Said once when the interface goes down; it may come back.
		}
		c.mu.Lock()
		if err != nil {
			if !c.closed {
				c.err = fmt.Errorf("lab: capture: %w", err)
			}
			c.mu.Unlock()
			return
		}
		c.note(d, buf[:n])
		c.mu.Unlock()
	}
}

// note counts one frame. The caller holds the lock.
func (c *Capture) note(d *decoder, frame []byte) {
	c.frames++
	flow, source, ok := d.decode(frame)
	if !ok {
		c.damaged++
		return
	}
	if c.answers[flow] == nil {
		c.answers[flow] = make(map[config.MAC]int, 1)
	}
	c.answers[flow][source]++
}

// Answers returns, for each flow of that kind, how many frames came from which
// Ethernet address. The maps are the caller's own.
func (c *Capture) Answers(kind Kind) map[Flow]map[config.MAC]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[Flow]map[config.MAC]int{}
	for flow, sources := range c.answers {
		if flow.Kind == kind {
			all[flow] = maps.Clone(sources)
		}
	}
	return all
}

// Duplicate is a flow that more than one node answered.
type Duplicate struct {
	Flow Flow
	// Sources are the nodes' Ethernet addresses, sorted.
	Sources []config.MAC
}

// Duplicates lists the flows that were answered from more than one Ethernet
// address. ARP is left out: nothing in a reply tells which request it answers,
// and another node may rightly answer the next. Count Answers(ARPReply) against
// the requests instead.
func (c *Capture) Duplicates() []Duplicate {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Duplicate
	for flow, sources := range c.answers {
		if len(sources) < 2 || flow.Kind == ARPReply || flow.Kind == Announcement {
			continue
		}
		macs := slices.SortedFunc(maps.Keys(sources), func(a, b config.MAC) int { return slices.Compare(a[:], b[:]) })
		all = append(all, Duplicate{flow, macs})
	}
	return all
}

// Check returns an error if the capture has been blind: frames that the socket
// dropped, that could not be read, or a failed socket. A test that counts must
// call it, or it believes too much.
func (c *Capture) Check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addDrops()
	if c.drops > 0 || c.damaged > 0 {
		return errors.Join(c.err, fmt.Errorf("lab: the capture missed %d frames and could not read %d of %d",
			c.drops, c.damaged, c.frames))
	}
	return c.err
}

// addDrops adds up what the kernel reports: it counts from the last time asked.
// The caller holds the lock.
func (c *Capture) addDrops() {
	if c.closed {
		return
	}
	stats, err := c.conn.Stats()
	if err != nil {
		c.err = errors.Join(c.err, fmt.Errorf("lab: capture: read the drop counter: %w", err))
		return
	}
	c.drops += uint64(stats.Drops)
}

// Reset forgets all answers, not the errors.
func (c *Capture) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.answers)
}

// Settle waits until no frame has come for that long.
func (c *Capture) Settle(ctx context.Context, quiet time.Duration) error {
	for before := c.count(); ; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("lab: frames still come after the time given: %w", ctx.Err())
		case <-time.After(quiet):
		}
		now := c.count()
		if now == before {
			return nil
		}
		before = now
	}
}

func (c *Capture) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames
}

// Close ends the capture, whose answers can still be read.
func (c *Capture) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.addDrops()
	c.closed = true
	c.mu.Unlock()
	err := c.conn.Close()
	<-c.done
	return err
}
