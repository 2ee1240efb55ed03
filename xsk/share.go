package xsk

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"
)

// BucketSet is a set of a rule's 65,536 buckets: bucket b is bit b%64 of word
// b/64.
type BucketSet [1 << 16 / 64]uint64

// Part is a node's part of one rule's buckets, as package pipeline's Part.
type Part struct {
	Mine, Ask, Unsettled, Sticky BucketSet
	// Owners are whose the buckets are, one byte each, for VIPs in mode directed:
	// numbers of Share.Nodes, or what package pipeline has for this node and for all.
	// nil where the program has no such VIPs.
	Owners *[1 << 16]uint8
}

// Share is which buckets are this node's.
type Share struct {
	// Parts are the distinct parts; at most Rules.MaxParts.
	Parts []Part
	// PartOfRule is the index into Parts of each rule, by its number.
	PartOfRule []uint16
	// PartOfEcho is that of ICMP echo.
	PartOfEcho uint16
	// Nodes are the other nodes' Ethernet addresses, their bytes as on the wire in
	// the low 48 bits.
	Nodes []uint64
}

// The layout of xsk/bpf/share.h.
const (
	shareSlots = 4   // SLOTS
	shareRows  = 8   // SHARES
	shareRules = 512 // RULE_PLACES
	shareEcho  = 256 // the place of ICMP echo
	partBytes  = 4 << 16 / 8
	shareNodes = 64 // MAX_NODES
)

// shareNodesOf is the program's nodes.
type shareNodesOf [shareRows][shareNodes]uint64

// partsOfRule is the program's part_of_rule.
type partsOfRule [shareRows][shareRules]uint16

// slots are the room for the shares that take turns: one is judged by, another is
// written. Packets may still be judged by one that was judged by before, so that
// with more than two, a share can follow another at once. They belong to one
// goroutine.
type slots struct {
	parts  *ebpf.Map
	index  *ebpf.Variable // part_of_rule
	chosen *ebpf.Variable // share_slot
	room   int            // parts of a slot
	owners *ebpf.Map
	nodes  *ebpf.Variable
	relays bool // some VIP is in mode directed
	// byQueue says that the queues hand on to other nodes, whoever's a bucket is.
	byQueue atomic.Bool

	partOf partsOfRule
	nodeOf shareNodesOf
	next   int    // the slot to write
	stale  int    // the slots before it that packets may still be judged by
	value  []byte // scratch
	order  barrier
	// nobody are the owners of a part that says nothing of them: every node gets copies.
	nobody *[1 << 16]uint8
}

// SetShare makes the program judge by a share, at one stroke; nil serves
// nothing. Packets that came before may be judged by the old one until Await
// returns. One goroutine at a time.
func (p *Program) SetShare(s *Share) error {
	if s == nil {
		if err := p.slots.choose(0); err != nil {
			return fmt.Errorf("take this node's share from the XDP program: %w", err)
		}
		return nil
	}
	if err := p.slots.write(s); err != nil {
		return fmt.Errorf("give the XDP program this node's share: %w", err)
	}
	return p.keepSlotFree()
}

// keepSlotFree waits until there is a slot that no packet is judged by. It does so
// after a change and not before the next one: that may be news of what another node
// has let go of, and what comes in until it is in force is lost.
func (p *Program) keepSlotFree() error {
	if p.slots.stale < shareSlots-1 {
		return nil
	}
	return p.Await()
}

// Await returns when no packet is judged by an earlier share or lease any more: to
// be asked for when one took something away. It takes 5 ms and more. One
// goroutine at a time.
func (p *Program) Await() error {
	if err := p.await(); err != nil {
		return err
	}
	p.slots.stale = 0
	return nil
}

// write fills the slot that is not judged by, and chooses it.
func (s *slots) write(share *Share) error {
	if len(share.PartOfRule) > shareEcho || len(share.Parts) > s.room || len(share.Nodes) > shareNodes {
		return fmt.Errorf("%d rules with %d parts and %d other nodes do not fit", len(share.PartOfRule), len(share.Parts), len(share.Nodes))
	}
	for i := range share.Parts {
		s.encode(&share.Parts[i])
		if err := s.parts.Put(uint32(s.next*s.room+i), s.value); err != nil {
			return fmt.Errorf("write part %d: %w", i, err)
		}
	}
	if s.relays {
		if err := s.writeOwners(share); err != nil {
			return err
		}
	}
	s.writePlaces(share)
	if err := s.index.Set(&s.partOf); err != nil {
		return fmt.Errorf("write the rules' parts: %w", err)
	}
	if err := s.choose(uint32(s.next) + 1); err != nil {
		return err
	}
	s.next = (s.next + 1) % shareSlots
	return nil
}

// writePlaces fills in where the rules' parts are. The program counts slots and places
// from 1.
func (s *slots) writePlaces(share *Share) {
	row := &s.partOf[s.next+1]
	clear(row[:])
	first := uint16(s.next*s.room) + 1
	for rule, part := range share.PartOfRule {
		row[rule] = first + part
	}
	row[shareEcho] = first + share.PartOfEcho
}

// writeOwners fills in where clients' packets go that are other nodes'.
func (s *slots) writeOwners(share *Share) error {
	for i := range share.Parts {
		owners := share.Parts[i].Owners
		if owners == nil || s.byQueue.Load() {
			owners = s.nobody
		}
		if err := s.owners.Put(uint32(s.next*s.room+i), owners); err != nil {
			return fmt.Errorf("write the owners of part %d: %w", i, err)
		}
	}
	nodes := &s.nodeOf[s.next+1]
	clear(nodes[copy(nodes[:], share.Nodes):])
	if err := s.nodes.Set(&s.nodeOf); err != nil {
		return fmt.Errorf("write the nodes' addresses: %w", err)
	}
	return nil
}

// HandOnByQueue leaves it to the queues to hand on to other nodes what is theirs, for
// good. It may be called while another goroutine sets shares; a share that is being set
// meanwhile may be as before: then it is to be called again.
func (p *Program) HandOnByQueue() error {
	s := &p.slots
	s.byQueue.Store(true) // first: shares that are set from now on are without owners
	if !s.relays {
		return nil
	}
	for i := range shareSlots * s.room {
		if err := s.owners.Put(uint32(i), s.nobody); err != nil {
			s.byQueue.Store(false)
			return fmt.Errorf("take the owners from the XDP program: %w", err)
		}
	}
	return nil
}

// HandsOnByQueue tells whether the queues do. Any goroutine may ask.
func (p *Program) HandsOnByQueue() bool { return p.slots.byQueue.Load() }

func nobodyKnows() *[1 << 16]uint8 {
	all := new([1 << 16]uint8)
	for b := range all {
		all[b] = 0xff
	}
	return all
}

// choose has the program judge by a slot, counted from 1, or by none. All that
// was written before is there when the program sees the number.
func (s *slots) choose(slot uint32) error {
	s.order.full()
	if err := s.chosen.Set(slot); err != nil {
		return fmt.Errorf("choose a share: %w", err)
	}
	s.stale = min(s.stale+1, shareSlots-1)
	return nil
}

// encode writes a part as struct part has it. In the program's words, unsettled
// says where a packet needs another look: so buckets to ask about are among them.
func (s *slots) encode(part *Part) {
	b := s.value[:0]
	for i, mine := range part.Mine {
		b = binary.NativeEndian.AppendUint64(b, mine)
		b = binary.NativeEndian.AppendUint64(b, part.Unsettled[i]|part.Ask[i]|part.Sticky[i])
	}
	for _, ask := range part.Ask {
		b = binary.NativeEndian.AppendUint64(b, ask)
	}
	for _, sticky := range part.Sticky {
		b = binary.NativeEndian.AppendUint64(b, sticky)
	}
}
