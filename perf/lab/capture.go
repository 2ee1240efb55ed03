package lab

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// captureBytes of each frame are looked at: enough for all headers, and for
// telling datagrams apart.
const captureBytes = 256

// Capture is the oracle of every end-to-end test. It sees what a host receives
// from a VIP and notes who sent it: a node answers with its own Ethernet
// address, so a connection answered by two addresses was accepted by two nodes.
// It never asks the nodes.
type Capture struct {
	tap
	answers map[Flow]map[config.MAC]int // guarded by the tap's lock
}

// Capture starts to watch what the host receives from those addresses, VIP() and
// VIP6() if there are none. The caller closes it; Close of the lab does too.
func (h *Host) Capture(vips ...netip.Addr) (*Capture, error) {
	if len(vips) == 0 {
		vips = []netip.Addr{VIP(), VIP6()}
	}
	filter, err := fromFilter(vips)
	if err != nil {
		return nil, err
	}
	c := &Capture{answers: map[Flow]map[config.MAC]int{}}
	if err := c.open(h, filter, tapOption{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING}); err != nil {
		return nil, fmt.Errorf("lab: capture on %s: %w", h.Name, err)
	}
	d := newDecoder()
	go c.read(captureBytes, func(frame []byte) { c.note(d, frame) })
	if err := h.own(c); err != nil {
		return nil, err
	}
	return c, nil
}

// note counts one frame. The caller holds the lock.
func (c *Capture) note(d *decoder, frame []byte) {
	flow, source, ok := d.decode(frame)
	if !ok {
		c.damaged++
		return
	}
	c.count(flow, source)
}

// count counts one answer. The caller holds the lock.
func (c *Capture) count(flow Flow, source config.MAC) {
	if c.answers[flow] == nil {
		c.answers[flow] = make(map[config.MAC]int, 1)
		c.anew(flow)
	}
	c.answers[flow][source]++
}

// anew begins a connection: a client may have had its ports before, with another
// node. The caller holds the lock.
func (c *Capture) anew(flow Flow) {
	if flow.Kind != SYNACK {
		return
	}
	flow.Kind, flow.ID = Segment, 0
	if len(c.answers[flow]) < 2 {
		delete(c.answers, flow)
	}
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

// Reset forgets all answers, not the errors.
func (c *Capture) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.answers)
}
