package confirm

// maxBatches bounds how many different ages the held buckets have.
const maxBatches = 8

// batch are held buckets that were taken up together. A confirmation counts for
// them only if it echoes heartbeat since or a later one: an older one may speak
// of an earlier time at which this node had the buckets, between which and now
// another node may have had them.
type batch struct {
	since   uint64
	buckets Buckets
}

// holding are the buckets that a node holds (H), oldest batch first. No bucket
// is in two batches.
type holding struct {
	batches []batch
	all     Buckets // of all batches
	version uint64  // changes with every change
}

// changed brings what depends on the batches up to date.
func (h *holding) changed() {
	h.version++
	h.all = Buckets{}
	for _, b := range h.batches {
		h.all = h.all.Union(b.buckets)
	}
}

// keep drops every bucket that is not in own.
func (h *holding) keep(own Buckets) {
	left := make([]batch, 0, len(h.batches)+1)
	for _, b := range h.batches {
		if kept := b.buckets.Intersect(own); !kept.Empty() {
			left = append(left, batch{b.since, kept})
		}
	}
	h.batches = left
	h.changed()
}

// take makes own the held buckets; those that are new count from heartbeat since.
func (h *holding) take(own Buckets, since uint64) {
	h.keep(own)
	if gained := own.Minus(h.all); !gained.Empty() {
		h.batches = append(h.batches, batch{since, gained})
	}
	if len(h.batches) > maxBatches {
		h.mergeOldest()
	}
	h.changed()
}

// mergeOldest makes one batch of the two oldest. It counts from the later one's
// beginning, which asks for more than is needed and so is safe.
func (h *holding) mergeOldest() {
	a, b := h.batches[0], h.batches[1]
	h.batches[1] = batch{b.since, a.buckets.Union(b.buckets)}
	h.batches = h.batches[1:]
}

// reached counts the batches that a confirmation echoing seq counts for.
func (h *holding) reached(seq uint64) int {
	i := 0
	for i < len(h.batches) && h.batches[i].since <= seq {
		i++
	}
	return i
}
