package farm

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/farm/host"
)

// events tells what happens in the farm, once to whoever reads the log and once
// to whoever asks the API.
type events struct {
	ring *console.Log
	log  *slog.Logger
}

func (e *events) add(level, kind, message string, fields map[string]string) {
	e.ring.Add(console.Event{Kind: kind, Level: level, Message: message, Fields: fields})
	attrs := []any{"kind", kind}
	for k, v := range fields {
		attrs = append(attrs, k, v)
	}
	e.log.Log(context.Background(), slogLevel(level), message, attrs...)
}

func slogLevel(level string) slog.Level {
	switch level {
	case console.LevelError:
		return slog.LevelError
	case console.LevelWarn:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// state is a change of this node's own state.
func (e *events) state(s console.NodeState, reason string) {
	message := fmt.Sprintf("this node is %s", s)
	if reason != "" {
		message += ": " + reason
	}
	level := console.LevelInfo
	if s == console.Waiting {
		level = console.LevelWarn
	}
	e.add(level, "state", message, map[string]string{"state": string(s)})
}

// node is a change of another node's state.
func (e *events) node(name string, s console.NodeState) {
	level := console.LevelInfo
	if s == console.Unreachable {
		level = console.LevelWarn
	}
	e.add(level, "node_"+string(s), fmt.Sprintf("node %s is %s", name, s), map[string]string{"node": name})
}

// gossip is another node's gossip blocked while its heartbeats come through, or
// not blocked any more.
func (e *events) gossip(name string, address netip.AddrPort, blocked bool) {
	at := gossipAddress(address)
	fields := map[string]string{"node": name, "address": at}
	if !blocked {
		e.add(console.LevelInfo, "gossip_restored", fmt.Sprintf("node %s is heard by gossip again", name), fields)
		return
	}
	if at == "" {
		at = "an address that is not known"
	}
	e.add(console.LevelError, "gossip_blocked",
		fmt.Sprintf("node %s is heard on the wire but not by gossip: let UDP and TCP through between this node and %s", name, at), fields)
}

// view is a new set of nodes that share the buckets.
func (e *events) view(v cluster.View) {
	names := make([]string, len(v.Nodes))
	for i, n := range v.Nodes {
		names[i] = n.Name
	}
	nodes := strings.Join(names, " ")
	message := fmt.Sprintf("%d nodes share the farm: %s", len(names), nodes)
	switch len(names) {
	case 0:
		message = "no node is up to share the farm"
	case 1:
		message = nodes + " has the farm alone"
	}
	e.add(console.LevelInfo, "view", message,
		map[string]string{"view": fmt.Sprintf("%016x", uint64(v.ID)), "nodes": nodes})
}

// responder is another node answering for a VIP.
func (e *events) responder(vip netip.Addr, node string) {
	if node == "" {
		e.add(console.LevelWarn, "responder", fmt.Sprintf("nobody answers %s for %s: no node is up", protocolOf(vip), vip),
			map[string]string{"vip": vip.String()})
		return
	}
	e.add(console.LevelInfo, "responder", fmt.Sprintf("%s answers %s for %s", node, protocolOf(vip), vip),
		map[string]string{"vip": vip.String(), "node": node})
}

// protocolOf is how neighbours ask for an address.
func protocolOf(a netip.Addr) string {
	if a.Is6() {
		return "NDP"
	}
	return "ARP"
}

// conflict is another machine that claims a VIP.
func (e *events) conflict(vip netip.Addr, mac config.MAC) {
	e.add(console.LevelError, "vip_conflict",
		fmt.Sprintf("%s claims the VIP %s: find that machine and give it another address", mac, vip),
		map[string]string{"vip": vip.String(), "mac": mac.String()})
}

// link is the interface's carrier lost or found.
func (e *events) link(ifname string, carrier bool) {
	if carrier {
		e.add(console.LevelInfo, "link_up", fmt.Sprintf("interface %s has a carrier", ifname), map[string]string{"interface": ifname})
		return
	}
	e.add(console.LevelError, "link_down",
		fmt.Sprintf("interface %s has no carrier: look after its cable and the switch's port", ifname),
		map[string]string{"interface": ifname})
}

// restored is a change to this machine that somebody else had undone.
func (e *events) restored(c host.Entry) {
	e.add(console.LevelWarn, "machine_restored",
		fmt.Sprintf("somebody else has undone what the node needs, and it is made again: %v; look what else manages this machine's network", c), nil)
}

// changed is another Ethernet address or MTU of the interface.
func (e *events) changed(ifname, what string) {
	e.add(console.LevelWarn, "interface_changed",
		fmt.Sprintf("interface %s has changed: %s: the daemon restarts in place", ifname, what), map[string]string{"interface": ifname})
}

// queues is more receive queues on the interface.
func (e *events) queues(ifname string, before, after int) {
	e.add(console.LevelInfo, "queues", fmt.Sprintf("interface %s has %d receive queues instead of %d: all of them are read", ifname, after, before),
		map[string]string{"interface": ifname, "queues": fmt.Sprint(after)})
}
