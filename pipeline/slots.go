package pipeline

import (
	"hash/maphash"
	"math/bits"
)

// none is the number of no slot.
const none = -1

// slot is the place of one parked packet.
type slot struct {
	next, prev int32 // in the order of arrival; next also in the list of free slots
	chain      int32 // the next slot whose flow has the same hash
	indexed    bool  // flow is set, and the slot is in the index
	flow       flow
	release    uint64 // of a packet that is kept for another node; else 0
	length     uint16
	since      int64
	facts      Facts
	data       [LotPacketLen]byte
}

// packet is the packet in the slot; its capacity ends with its length.
func (s *slot) packet() []byte { return s.data[:s.length:s.length] }

// slots is the memory of a Lot: a fixed number of slots in a list by arrival, an
// index of some of them by flow, and a list of the free ones.
type slots struct {
	all            []slot
	used           int
	oldest, newest int32
	free           int32

	// The hash is keyed anew for each lot: a client that chose its ports so that
	// all its packets fall into one chain would make each search it.
	seed  maphash.Seed
	heads []int32 // first slots of the chains; a power of two
}

func newSlots(n int) slots {
	s := slots{
		all: make([]slot, n), oldest: none, newest: none, free: none,
		seed: maphash.MakeSeed(), heads: make([]int32, 1<<bits.Len(uint(n))),
	}
	for i := n - 1; i >= 0; i-- {
		s.all[i].next, s.free = s.free, int32(i)
	}
	for i := range s.heads {
		s.heads[i] = none
	}
	return s
}

func (s *slots) at(i int32) *slot { return &s.all[i] }

// add takes a free slot and makes it the newest; nil if there is none.
func (s *slots) add() *slot {
	i := s.free
	if i == none {
		return nil
	}
	a := s.at(i)
	s.free = a.next
	a.next, a.prev, a.indexed = none, s.newest, false
	if s.newest == none {
		s.oldest = i
	} else {
		s.at(s.newest).next = i
	}
	s.newest = i
	s.used++
	return a
}

// remove frees a slot that is in use.
func (s *slots) remove(i int32) {
	a := s.at(i)
	if a.indexed {
		s.unindex(i)
	}
	if a.prev == none {
		s.oldest = a.next
	} else {
		s.at(a.prev).next = a.next
	}
	if a.next == none {
		s.newest = a.prev
	} else {
		s.at(a.next).prev = a.prev
	}
	a.next, s.free = s.free, i
	s.used--
}

// head is the start of the chain that a flow belongs to.
func (s *slots) head(f flow) *int32 {
	return &s.heads[maphash.Comparable(s.seed, f)&uint64(len(s.heads)-1)]
}

// find returns the slot of a flow, or none.
func (s *slots) find(f flow) int32 {
	i := *s.head(f)
	for i != none && s.at(i).flow != f {
		i = s.at(i).chain
	}
	return i
}

// index makes find know the newest slot by its flow.
func (s *slots) index(f flow) {
	a, head := s.at(s.newest), s.head(f)
	a.flow, a.indexed = f, true
	a.chain, *head = *head, s.newest
}

func (s *slots) unindex(i int32) {
	link := s.head(s.at(i).flow)
	for *link != i {
		link = &s.at(*link).chain
	}
	*link = s.at(i).chain
}
