package farm

import (
	"thresher/pipeline"
	"thresher/xsk"
)

// relay hands packets on that came to this node and are others': of VIPs in mode
// directed. It belongs to its queue's goroutine.
type relay struct {
	port     *xsk.Port
	counters pipeline.Counters
}

// forward sends a frame on to the node that its bucket belongs to.
func (r *relay) forward(t *pipeline.Table, frame []byte) {
	if node, ok := t.Target(frame); ok {
		t.Address(frame, t.Nodes[node])
		r.port.Send(frame)
	}
}

// copy sends copies of a frame to all other nodes, and makes it one that another
// node has handed on: from here on, this node judges it as each of them does.
func (r *relay) copy(t *pipeline.Table, frame []byte) {
	for _, node := range t.Nodes {
		t.Address(frame, node)
		r.port.Send(frame)
	}
	t.Address(frame, t.NIC)
	r.counters.Count(pipeline.Copied)
}
