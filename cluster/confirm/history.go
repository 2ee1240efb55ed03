package confirm

// historyLen is how many views a node remembers. A peer can only state a view
// that gives this node something after this node has had it as its target, so
// the node's own targets are all that it needs to know: view ids never have to
// be asked for. An id that is not in here gives nothing. 64 is far more than
// can be under way within a lease; those that a peer states are never dropped.
const historyLen = 64

// pastView is a view that this node has had as its target, with what it gives it.
type pastView struct {
	view View
	own  Buckets
	used uint64
}

// history resolves view ids.
type history struct {
	assign Assign
	views  map[ViewID]*pastView
	clock  uint64
}

func newHistory(assign Assign) history {
	return history{assign: assign, views: make(map[ViewID]*pastView)}
}

// own returns the buckets that the view gives to this node; none if the id
// means nothing to it.
func (h *history) own(id ViewID) Buckets {
	if k := h.views[id]; k != nil {
		return k.own
	}
	return Buckets{}
}

// learn remembers a view, computes what it gives to this node if it is new, and
// drops the one unused for longest that pinned does not hold.
func (h *history) learn(v View, pinned func(ViewID) bool) {
	if v.None() {
		return
	}
	h.clock++
	if k := h.views[v.ID]; k != nil {
		k.used = h.clock
		return
	}
	if len(h.views) >= historyLen {
		h.drop(pinned)
	}
	h.views[v.ID] = &pastView{view: v, own: h.assign(v), used: h.clock}
}

// drop forgets the view unused for longest, unless all are pinned.
func (h *history) drop(pinned func(ViewID) bool) {
	var oldest ViewID
	for id, k := range h.views {
		if !pinned(id) && (oldest == 0 || k.used < h.views[oldest].used) {
			oldest = id
		}
	}
	delete(h.views, oldest)
}
