package console

// Datapath is what a node's packet path is, and what it has done since the
// daemon started. All counters count packets and never fall.
type Datapath struct {
	// Offload is how much of the verdict the kernel program repeats: "none",
	// "reject" or "full".
	Offload string `json:"offload"`
	// XDP is the attach mode that was got: "native" or "generic".
	XDP string `json:"xdp"`
	// XDPNote says what the mode, or the interface's MTU, keeps from this node; empty
	// if nothing.
	XDPNote string `json:"xdp_note,omitempty"`
	// ZeroCopy says that the sockets share the driver's memory.
	ZeroCopy bool `json:"zero_copy"`
	// Queues is how many receive queues are bound.
	Queues int `json:"queues"`
	// Accepted counts packets let into this node's stack.
	Accepted uint64 `json:"accepted"`
	// Rejected counts packets left to other nodes.
	Rejected uint64 `json:"rejected"`
	// Asked counts packets that the kernel program handed to the pipeline.
	Asked uint64 `json:"asked"`
	// Opened counts packets let into this node's stack that open a TCP connection; one
	// that its client sends again counts again.
	Opened uint64 `json:"opened"`
	// Parked counts packets held until their bucket was confirmed.
	Parked uint64 `json:"parked"`
	// Fenced counts packets refused because the lease had run out.
	Fenced uint64 `json:"fenced"`
	// HandOnLost counts packets for other nodes, of VIPs in mode directed, that the
	// interface could not take.
	HandOnLost uint64 `json:"hand_on_lost,omitempty"`
	// Reasons counts packets by the reason for their verdict.
	Reasons map[string]uint64 `json:"reasons"`
	// XSK sums the statistics of all AF_XDP sockets.
	XSK XSK `json:"xsk"`
}

// XSK are the statistics that the kernel keeps for AF_XDP sockets.
// Source: struct xdp_statistics, linux/if_xdp.h.
type XSK struct {
	// RxDropped counts packets dropped for another reason than a full ring.
	RxDropped uint64 `json:"rx_dropped"`
	// RxInvalidDescs counts bad descriptors in the fill ring.
	RxInvalidDescs uint64 `json:"rx_invalid_descs"`
	// TxInvalidDescs counts bad descriptors in the transmit ring.
	TxInvalidDescs uint64 `json:"tx_invalid_descs"`
	// RxRingFull counts packets dropped because the receive ring was full.
	RxRingFull uint64 `json:"rx_ring_full"`
	// RxFillRingEmptyDescs counts the times that the fill ring ran dry.
	RxFillRingEmptyDescs uint64 `json:"rx_fill_ring_empty_descs"`
	// TxRingEmptyDescs counts the times that the transmit ring ran dry.
	TxRingEmptyDescs uint64 `json:"tx_ring_empty_descs"`
}
