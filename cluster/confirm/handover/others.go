package handover

import (
	"maps"
	"slices"

	"thresher/cluster/confirm"
)

// Others is what the other nodes have handed over. It is not safe for concurrent
// use.
type Others struct {
	holders map[string]*holder
	tuples  map[Tuple]int // how many holders have it
	version uint64
}

// holder is another node's list.
type holder struct {
	boot, seq, release uint64
	open               map[Tuple]confirm.Time
}

// NewOthers returns an empty collection.
func NewOthers() *Others {
	return &Others{holders: make(map[string]*holder), tuples: make(map[Tuple]int)}
}

// Receive takes a message in and returns the echo to send back to m.Name. What
// does not follow what is known is not taken; the echo tells where to go on.
func (o *Others) Receive(now confirm.Time, m *Message) Echo {
	h := o.holders[m.Name]
	if h == nil || h.boot < m.Boot {
		o.Gone(m.Name)
		h = &holder{boot: m.Boot, open: make(map[Tuple]confirm.Time)}
		o.holders[m.Name] = h
	}
	if m.Boot == h.boot && m.Seq >= h.seq && (m.Whole || m.From <= h.seq) {
		o.apply(now, h, m)
	}
	return Echo{Boot: h.boot, Seq: h.seq, Release: h.release}
}

// apply brings a holder's list to where the message is.
func (o *Others) apply(now confirm.Time, h *holder, m *Message) {
	if m.Whole {
		o.keepOnly(h, m)
	}
	for i, it := range m.Items {
		if !m.Whole && m.From+uint64(i) < h.seq {
			continue // known already: it was sent again
		}
		if it.Done {
			o.remove(h, it.Tuple)
		} else if _, ok := h.open[it.Tuple]; !ok && len(h.open) < MaxTuples {
			h.open[it.Tuple] = now
			o.tuples[it.Tuple]++
			o.version++
		}
	}
	h.seq, h.release = m.Seq, max(h.release, m.Release)
}

// keepOnly drops what a whole list does not have.
func (o *Others) keepOnly(h *holder, m *Message) {
	whole := make(map[Tuple]bool, len(m.Items))
	for _, it := range m.Items {
		whole[it.Tuple] = true
	}
	for t := range h.open {
		if !whole[t] {
			o.remove(h, t)
		}
	}
}

// remove ends one entry of a holder.
func (o *Others) remove(h *holder, t Tuple) {
	if _, ok := h.open[t]; !ok {
		return
	}
	delete(h.open, t)
	o.version++
	if o.tuples[t]--; o.tuples[t] <= 0 {
		delete(o.tuples, t)
	}
}

// Gone drops the list of a node that has crashed: its handshakes are gone too,
// and their clients' SYNs must be answered anew.
func (o *Others) Gone(name string) {
	h := o.holders[name]
	if h == nil {
		return
	}
	for t := range maps.Clone(h.open) {
		o.remove(h, t)
	}
	delete(o.holders, name)
}

// Booted drops the list of a node if it is another process's than this.
func (o *Others) Booted(name string, boot uint64) {
	if h := o.holders[name]; h != nil && h.boot < boot {
		o.Gone(name)
	}
}

// Expire ends the entries that have lasted too long, whatever their holders say.
func (o *Others) Expire(now confirm.Time) {
	for _, h := range o.holders {
		for t, since := range h.open {
			if now.Sub(since) >= Lifetime {
				o.remove(h, t)
			}
		}
	}
}

// Has says whether another node has answered this handshake, so that its SYN
// must be left alone.
func (o *Others) Has(t Tuple) bool { return o.tuples[t] > 0 }

// Len counts the handshakes of others that are left alone.
func (o *Others) Len() int { return len(o.tuples) }

// Complete says whether a node's list has come up to a release, which its
// heartbeats name. Nothing has to come for release 0.
func (o *Others) Complete(name string, boot, release uint64) bool {
	h := o.holders[name]
	return release == 0 || h != nil && h.boot == boot && h.release >= release
}

// Tuples returns every handshake that must be left alone, in no order.
func (o *Others) Tuples() []Tuple { return slices.Collect(maps.Keys(o.tuples)) }

// Holders returns the nodes whose lists are kept, in no order.
func (o *Others) Holders() []string { return slices.Collect(maps.Keys(o.holders)) }

// HandOn returns the lists as messages, by which another process of this boot goes on:
// it is to [Others.Receive] them.
func (o *Others) HandOn() []*Message {
	var all []*Message
	for name, h := range o.holders {
		m := &Message{Name: name, Boot: h.boot, Seq: h.seq, Release: h.release, Whole: true}
		for t := range h.open {
			m.Items = append(m.Items, Item{Tuple: t})
		}
		all = append(all, m)
	}
	return all
}

// Version changes with every change of Tuples.
func (o *Others) Version() uint64 { return o.version }
