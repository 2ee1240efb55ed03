package confirm

import (
	"errors"
	"fmt"
	"time"
)

// snapshotVersion is the first byte of a snapshot. Restore refuses any other: a
// process that is handed what it cannot read starts as a new one.
const snapshotVersion = 2

// Snapshot ends this node and returns all that its successor needs to go on
// where it stopped (rule 4, planned restart). From now on every event leads to
// nothing: two processes must not speak with one boot and one row of seqs. The
// bytes are for Restore on this machine, before its next boot.
func (n *Node) Snapshot(now Time) ([]byte, error) {
	if n.retired {
		return nil, errors.New("the node has been handed over already")
	}
	n.pass(now)
	n.retired = true
	w := writer{snapshotVersion}
	n.writeSelf(&w)
	n.writeViews(&w)
	w.buckets(n.held.batches)
	w.u16(uint16(len(n.peers)))
	for _, p := range n.peers {
		if err := p.write(&w); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// writeSelf writes what is the node's own.
func (n *Node) writeSelf(w *writer) {
	w.short(n.name)
	w.u64(uint64(n.params.Lease))
	w.u64(n.boot)
	w.u64(n.seq)
	w.u64(n.lease.Release)
	w.u8(uint8(n.phase))
	w.bool(n.wanted)
	w.time(n.now)
	w.u64(uint64(n.ran))
	w.u64(uint64(n.woken))
	w.time(n.started.at)
	w.u64(uint64(n.started.ran))
	w.u64(uint64(n.upSince))
	w.time(n.ended)
	w.time(n.lastSent)
	w.time(n.nextBeat)
	w.u64(n.sent.first)
	w.u32(uint32(len(n.sent.times)))
	for _, t := range n.sent.times {
		w.time(t)
	}
}

// writeViews writes target and stated view and all others that are remembered.
func (n *Node) writeViews(w *writer) {
	w.view(n.target)
	w.u64(n.targetFrom)
	w.view(n.stated)
	w.u16(uint16(len(n.views.views)))
	for _, k := range n.views.views {
		w.view(k.view)
	}
}

// view writes a view's members.
func (w *writer) view(v View) {
	w.u16(uint16(len(v.Members)))
	for _, m := range v.Members {
		w.short(m.Name)
		w.long(m.Meta)
	}
}

// buckets writes batches, each bitmap once however many rules share it.
func (w *writer) buckets(batches []batch) {
	number := make(map[*Bitmap]uint32)
	var maps []*Bitmap
	for _, b := range batches {
		for _, bits := range b.buckets.Rules() {
			if _, ok := number[bits]; !ok {
				number[bits] = uint32(len(maps))
				maps = append(maps, bits)
			}
		}
	}
	w.u32(uint32(len(maps)))
	for _, bits := range maps {
		w.u32(uint32(len(bits.words)))
		for _, word := range bits.words {
			w.u64(word)
		}
	}
	w.u16(uint16(len(batches)))
	for _, b := range batches {
		w.u64(b.since)
		w.u32(uint32(len(b.buckets.rules)))
		for rule, bits := range b.buckets.Rules() {
			w.u64(uint64(rule))
			w.u32(number[bits])
		}
	}
}

// write writes what is known of a peer. What it echoes is read again from its
// heartbeat.
func (p *peer) write(w *writer) error {
	w.short(p.name)
	w.bool(p.alive)
	w.bool(p.last != nil)
	if p.last != nil {
		b, err := p.last.Append(nil)
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		w.long(string(b))
	}
	w.time(p.heard.at)
	w.u64(uint64(p.heard.ran))
	w.u64(p.shown.boot)
	w.u64(uint64(p.shown.stated))
	w.u64(uint64(p.shown.target))
	w.u64(uint64(p.shown.lease))
	w.time(p.shown.at)
	w.u64(p.upBoot)
	w.time(p.upAt.at)
	w.u64(uint64(p.upAt.ran))
	w.u64(p.answered.boot)
	w.u64(p.answered.seq)
	w.time(p.answered.received)
	w.time(p.granted)
	w.bool(p.owed)
	return nil
}

// Restore returns the node that goes on where the one of the snapshot stopped,
// with its boot, whatever c.Boot says, and the actions of its first instant,
// which tell the whole lease. It fails if the snapshot is another node's, is of
// another boot of the machine, or was taken under another lease, which the peers
// have been told; the caller then starts with New.
func Restore(c Config, now Time, snapshot []byte) (*Node, Actions, error) {
	if err := c.validate(); err != nil {
		return nil, Actions{}, err
	}
	r := reader{b: snapshot}
	if v := r.u8(); r.err == nil && v != snapshotVersion {
		return nil, Actions{}, fmt.Errorf("snapshot of version %d: this release reads version %d", v, snapshotVersion)
	}
	n := &Node{
		name: c.Name, id: IDOf(c.Name), params: c.Params, meta: c.Meta, views: newHistory(c.Assign),
		joining: c.ByMembership, met: c.Met.carried(c.Params.Nodes),
	}
	if err := n.readSelf(&r, now); err != nil {
		return nil, Actions{}, fmt.Errorf("snapshot: %w", err)
	}
	n.readViews(&r)
	n.statedAt = now // which peers know that it states a view, they say anew
	n.held.batches = r.batches()
	n.held.changed()
	for range r.u16() {
		n.readPeer(&r)
	}
	if r.err != nil || len(r.b) > 0 {
		return nil, Actions{}, fmt.Errorf("snapshot: %w", errors.Join(r.err, errRest(r.b)))
	}
	if err := n.complete(); err != nil {
		return nil, Actions{}, fmt.Errorf("snapshot: %w", err)
	}
	n.urgent = true
	n.lease.Held = n.held.all
	a := n.step(now)
	if a.Lease == nil {
		a.Lease = &Lease{Release: n.lease.Release}
	}
	a.Lease.Moved, a.Lease.Shrunk = true, true
	return n, a, nil
}

// errRest is an error if bytes are left over.
func errRest(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return fmt.Errorf("%d bytes too many", len(b))
}

// complete checks that every member of a view is known.
func (n *Node) complete() error {
	for _, m := range n.target.Members {
		if p := n.find(m.Name); m.Name != n.name && (p == nil || p.last == nil) {
			return fmt.Errorf("member %q of the target was never heard", m.Name)
		}
	}
	return nil
}

// readSelf reads what writeSelf wrote.
func (n *Node) readSelf(r *reader, now Time) error {
	if name := r.short(); r.err == nil && name != n.name {
		return fmt.Errorf("is of node %q, this is %q", name, n.name)
	}
	if lease := time.Duration(r.u64()); r.err == nil && lease != n.params.Lease {
		return fmt.Errorf("was taken with a lease of %v, now it is %v: restart without hand-over", lease, n.params.Lease)
	}
	n.boot, n.seq, n.lease.Release = r.u64(), r.u64(), r.u64()
	n.phase, n.wanted = Phase(r.u8()), r.bool()
	n.now, n.ran, n.woken = r.time(), time.Duration(r.u64()), time.Duration(r.u64())
	n.started = stamp{r.time(), time.Duration(r.u64())}
	n.upSince, n.ended = time.Duration(r.u64()), r.time()
	n.lastSent, n.nextBeat = r.time(), r.time()
	n.sent.first = r.u64()
	for range min(int(r.u32()), len(r.b)/8) {
		n.sent.times = append(n.sent.times, r.time())
	}
	switch {
	case r.err != nil:
		return r.err
	case n.phase < Starting || n.phase > Leaving || n.boot == 0:
		return errors.New("phase or boot out of range")
	case n.now > now:
		return errors.New("is of the machine's future: it was taken before the machine's last boot")
	}
	return nil
}

// readViews reads what writeViews wrote.
func (n *Node) readViews(r *reader) {
	keep := func(ViewID) bool { return false }
	n.target = r.view()
	n.targetFrom = r.u64()
	n.stated = r.view()
	for range r.u16() {
		n.views.learn(r.view(), keep)
	}
	n.views.learn(n.stated, keep)
	n.views.learn(n.target, keep)
}

// view reads a view's members.
func (r *reader) view() View {
	var members []Member
	for range r.u16() {
		m := Member{r.short(), r.long()}
		if r.err != nil {
			return View{}
		}
		members = append(members, m)
	}
	return NewView(members)
}

// batches reads what buckets wrote.
func (r *reader) batches() []batch {
	var maps []*Bitmap
	for range min(int(r.u32()), len(r.b)/4) {
		maps = append(maps, r.bitmap())
	}
	var batches []batch
	for range r.u16() {
		b := batch{since: r.u64()}
		rules := make(map[RuleID]*Bitmap)
		for range min(int(r.u32()), len(r.b)/12) {
			rule, i := RuleID(r.u64()), int(r.u32())
			if i >= len(maps) {
				r.err = errors.New("bucket table out of range")
				return nil
			}
			rules[rule] = maps[i]
		}
		if r.err != nil {
			return nil
		}
		b.buckets = BucketsOf(rules)
		batches = append(batches, b)
	}
	return batches
}

// bitmap reads one bitmap.
func (r *reader) bitmap() *Bitmap {
	bits := new(Bitmap)
	for range min(int(r.u32()), len(r.b)/8) {
		bits.words = append(bits.words, r.u64())
	}
	return bits
}

// readPeer reads what peer.write wrote.
func (n *Node) readPeer(r *reader) {
	p := n.peer(r.short())
	p.alive = r.bool()
	if r.bool() {
		hb, err := Decode([]byte(r.long()))
		if err != nil {
			r.err = errors.Join(r.err, err)
			return
		}
		p.last = hb
		n.readEcho(p)
	}
	p.heard = stamp{r.time(), time.Duration(r.u64())}
	p.shown = shown{r.u64(), ViewID(r.u64()), ViewID(r.u64()), time.Duration(r.u64()), r.time(), 0}
	p.upBoot, p.upAt = r.u64(), stamp{r.time(), time.Duration(r.u64())}
	p.answered = answer{r.u64(), r.u64(), r.time()}
	p.granted, p.owed = r.time(), r.bool()
}
