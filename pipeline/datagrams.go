package pipeline

import (
	"hash/maphash"
	"math/bits"
)

// knownDatagram is a datagram of which a part has come.
type knownDatagram struct {
	name  datagram
	chain int32 // the next one with the same hash
	inUse bool

	reason Reason // the verdict; Fragment while there is none
	since  int64  // when that was

	// Parts that wait, in the order of their arrival, and the first one if it waits
	// for a bucket.
	parts frameList
	first int32

	queued     bool // some do
	next, prev int32
}

// datagrams are those known, in a ring, so that the oldest makes room for the
// next; with an index by name, and a list of those with parts that wait.
type datagrams struct {
	places[knownDatagram]
	turn   int32   // whose place is the next one's, once all are made
	queued int32   // head of the list
	heads  []int32 // first ones of the chains; a power of two. Made for the first datagram
	// The hash is keyed anew for each, as a Lot's is.
	seed maphash.Seed
}

func newDatagrams(n int) datagrams {
	return datagrams{places: newPlaces[knownDatagram](n), queued: none, seed: maphash.MakeSeed()}
}

// newHeads are the starts of as many chains as n datagrams need, all empty.
func newHeads(n int32) []int32 {
	heads := make([]int32, 1<<bits.Len32(uint32(n)))
	for i := range heads {
		heads[i] = none
	}
	return heads
}

func (k *datagrams) head(name *datagram) *int32 {
	if k.heads == nil {
		k.heads = newHeads(k.bound)
	}
	return &k.heads[maphash.Comparable(k.seed, *name)&uint64(len(k.heads)-1)]
}

// find returns the datagram with that name, if it is not too old; else none.
func (k *datagrams) find(name *datagram, now int64) int32 {
	i := *k.head(name)
	for i != none && k.at(i).name != *name {
		i = k.at(i).chain
	}
	if i != none && now-k.at(i).since > int64(FragmentLife) {
		return none
	}
	return i
}

// oldest is whose place the next one gets: that of none while there are more.
func (k *datagrams) oldest() int32 {
	if i := k.add(); i != none {
		k.at(i).parts, k.at(i).first = emptyList(), none
		return i
	}
	i := k.turn
	k.turn = (k.turn + 1) % k.bound
	return i
}

// replace gives the place of a datagram, which must have nothing that waits, to
// another. One of the same name that is too old is found after it in the chain.
func (k *datagrams) replace(i int32, name *datagram, now int64) {
	d := k.at(i)
	if d.inUse {
		link := k.head(&d.name)
		for *link != i {
			link = &k.at(*link).chain
		}
		*link = d.chain
	}
	head := k.head(name)
	d.name, d.inUse, d.reason, d.since = *name, true, Fragment, now
	d.chain, *head = *head, i
}

// queue puts a datagram into the list of those with parts that wait.
func (k *datagrams) queue(i int32) {
	d := k.at(i)
	if d.queued {
		return
	}
	d.queued, d.prev, d.next = true, none, k.queued
	if k.queued != none {
		k.at(k.queued).prev = i
	}
	k.queued = i
}

func (k *datagrams) unqueue(i int32) {
	d := k.at(i)
	if !d.queued {
		return
	}
	d.queued = false
	if d.prev == none {
		k.queued = d.next
	} else {
		k.at(d.prev).next = d.next
	}
	if d.next != none {
		k.at(d.next).prev = d.prev
	}
}
