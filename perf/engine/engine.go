package engine

import (
	"context"
	"errors"
	"fmt"

	"thresher/config"
	"thresher/perf/lab"
)

// Engine is one way of deciding which packets are the node's.
type Engine struct {
	// Name is the engine's on the command line and in results.
	Name string
	// Title describes it to a reader.
	Title string
	// Judges says that it gives each client to one node: the bare programs and
	// the plain kernel treat all packets alike.
	Judges bool
	// HandsOn says that it sends on what is another node's.
	HandsOn bool

	start func(ctx context.Context, b *Testbed, s Setup) error
}

// The engines' names.
const (
	Kernel        = "kernel"
	XDPDrop       = "xdp-drop"
	XDPPass       = "xdp-pass"
	XDPPassVMAC   = "xdp-pass-vmac"
	Full          = "full"
	Reject        = "reject"
	None          = "none"
	NFTIngress    = "nft-ingress"
	NFTPrerouting = "nft-prerouting"
	XTCluster     = "xt_cluster"
	FullMulticast = "full-multicast"
	FullIGMP      = "full-igmp"
	FullDirected  = "full-directed"
	NoneDirected  = "none-directed"
	XDPTX         = "xdp-tx"
	Bridge        = "bridge"
)

// All lists the engines in the order in which results show them. binary is the
// program that runs as Thresher's daemon.
func All(binary string) []Engine {
	return []Engine{
		{Name: Kernel, Title: "no XDP program at all", start: startKernel},
		{Name: XDPDrop, Title: "bare XDP_DROP", start: bare(func(o *bareObjects) prog { return o.Drop })},
		{Name: XDPPass, Title: "bare XDP_PASS", start: bare(func(o *bareObjects) prog { return o.Pass })},
		{Name: XDPPassVMAC, Title: "bare XDP_PASS to a VMAC", start: startPassVMAC},
		{Name: Full, Title: "Thresher, offload full", Judges: true, start: thresher(binary, Full, config.Flood)},
		{Name: Reject, Title: "Thresher, offload reject", Judges: true, start: thresher(binary, Reject, config.Flood)},
		{Name: None, Title: "Thresher, offload none", Judges: true, start: thresher(binary, None, config.Flood)},
		{Name: FullMulticast, Title: "Thresher, offload full, multicast", Judges: true, start: thresher(binary, Full, config.Multicast)},
		{Name: FullIGMP, Title: "Thresher, offload full, igmp", Judges: true, start: thresher(binary, Full, config.IGMP)},
		{Name: FullDirected, Title: "Thresher, offload full, directed", Judges: true, HandsOn: true, start: thresher(binary, Full, config.Directed)},
		{Name: NoneDirected, Title: "Thresher, offload none, directed", Judges: true, HandsOn: true, start: thresher(binary, None, config.Directed)},
		{Name: NFTIngress, Title: "nftables jhash, netdev ingress", Judges: true, start: startNFTIngress},
		{Name: NFTPrerouting, Title: "nftables jhash, prerouting", Judges: true, start: startNFTPrerouting},
		{Name: XTCluster, Title: "iptables xt_cluster", Judges: true, start: startXTCluster},
		{Name: XDPTX, Title: "bare XDP_TX to another MAC", HandsOn: true, start: startSendOn},
		{Name: Bridge, Title: "the kernel's bridge", HandsOn: true, start: startBridge},
	}
}

// Share is the part of the clients that is the node's: Mine of Of.
type Share struct{ Mine, Of int }

// Setup is what an engine is to do.
type Setup struct {
	// Share is the node's part.
	Share Share
	// Rules and VIPs are how many there are; 0 Rules are the two of the lab's
	// services, 0 VIPs are one.
	Rules, VIPs int
	// Nodes is the size of the farm; 0 makes it as large as Share needs.
	Nodes int
	// Profile of Thresher's failure detection; empty is its default.
	Profile string
	// Queues of the node's interface; 0 is one.
	Queues int
}

// Unavailable is why an engine cannot be had here, with what would help.
type Unavailable struct{ Reason string }

func (u *Unavailable) Error() string { return "not available: " + u.Reason }

// Start builds a lab with the engine at work on its first node. The caller
// closes it. An error that is *Unavailable is no fault of anybody's.
func (e Engine) Start(ctx context.Context, s Setup) (*Testbed, error) {
	s.VIPs = max(s.VIPs, 1)
	if s.Nodes == 0 {
		s.Nodes = e.nodes(s.Share)
	}
	l, err := lab.New(ctx, lab.Config{Nodes: s.Nodes, Clients: 1, Queues: s.Queues})
	if err != nil {
		return nil, err
	}
	b := &Testbed{Lab: l, Node: l.Nodes[0], setup: s, mac: func(vip VIP) config.MAC { return l.Nodes[0].MAC }}
	if err := e.begin(ctx, b, s); err != nil {
		err = errors.Join(err, b.Close())
		var u *Unavailable
		if errors.As(err, &u) {
			return nil, err
		}
		return nil, fmt.Errorf("start %s: %w", e.Name, err)
	}
	return b, nil
}

// nodes are as many as it takes for the share: one that is sent the traffic, and
// one that has the rest where an engine asks whose the rest is.
func (e Engine) nodes(s Share) int {
	if e.Judges && s.Mine < s.Of && (s.Mine > 0 || e.HandsOn) {
		return 2
	}
	return 1
}

func (e Engine) begin(ctx context.Context, b *Testbed, s Setup) error {
	if err := e.start(ctx, b, s); err != nil || !e.HandsOn {
		return err
	}
	return b.sinkFrames()
}
