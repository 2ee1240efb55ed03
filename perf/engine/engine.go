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
)

// All lists the engines in the order in which results show them. binary is the
// program that runs as Thresher's daemon.
func All(binary string) []Engine {
	return []Engine{
		{Kernel, "no XDP program at all", false, startKernel},
		{XDPDrop, "bare XDP_DROP", false, bare(func(o *bareObjects) prog { return o.Drop })},
		{XDPPass, "bare XDP_PASS", false, bare(func(o *bareObjects) prog { return o.Pass })},
		{XDPPassVMAC, "bare XDP_PASS to a VMAC", false, startPassVMAC},
		{Full, "Thresher, offload full", true, thresher(binary, Full)},
		{Reject, "Thresher, offload reject", true, thresher(binary, Reject)},
		{None, "Thresher, offload none", true, thresher(binary, None)},
		{NFTIngress, "nftables jhash, netdev ingress", true, startNFTIngress},
		{NFTPrerouting, "nftables jhash, prerouting", true, startNFTPrerouting},
		{XTCluster, "iptables xt_cluster", true, startXTCluster},
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
		s.Nodes = 1
		if s.Share.Mine > 0 && s.Share.Mine < s.Share.Of && e.Judges {
			s.Nodes = 2
		}
	}
	l, err := lab.New(ctx, lab.Config{Nodes: s.Nodes, Clients: 1, Queues: s.Queues})
	if err != nil {
		return nil, err
	}
	b := &Testbed{Lab: l, Node: l.Nodes[0], setup: s, mac: func(vip VIP) config.MAC { return l.Nodes[0].MAC }}
	if err := e.start(ctx, b, s); err != nil {
		err = errors.Join(err, b.Close())
		var u *Unavailable
		if errors.As(err, &u) {
			return nil, err
		}
		return nil, fmt.Errorf("start %s: %w", e.Name, err)
	}
	return b, nil
}
