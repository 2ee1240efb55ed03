package farm

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/farm/host"
	"thresher/health"
	"thresher/health/notify"
)

// events tells what happens in the farm, once to whoever reads the log and once
// to whoever asks the API.
type events struct {
	ring *console.Log
	log  *slog.Logger

	self   string // who tells
	notify atomic.Pointer[notify.Dispatcher]
}

func (e *events) add(level, kind, message string, fields map[string]string) {
	added := e.ring.Add(console.Event{Kind: kind, Level: level, Message: message, Fields: fields})
	e.pass(added)
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
func (e *events) state(before console.NodeState, now *life) {
	message := fmt.Sprintf("this node is %s", now.state)
	if now.reason != "" {
		message += ": " + now.reason
	}
	level := console.LevelInfo
	if now.state == console.Waiting || now.state == console.Stopped && !now.action.asked() {
		level = console.LevelWarn
	}
	e.add(level, kindState, message, map[string]string{
		"state": string(now.state), "old_state": string(before), "action": string(now.action), "reason": now.reason,
	})
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
		e.add(console.LevelInfo, "gossip_restored", fmt.Sprintf("gossip with node %s comes through again", name), fields)
		return
	}
	if at == "" {
		at = "an address that is not known"
	}
	e.add(console.LevelError, "gossip_blocked",
		fmt.Sprintf("node %s is there, but gossip with it does not come through: let UDP and TCP through between this node and %s", name, at), fields)
}

// config is that a node's VIPs or rules are others than this node's, or the same again;
// of one that has gone, nothing more is said.
func (e *events) config(name string, differs, says bool) {
	fields := map[string]string{"node": name}
	switch {
	case differs:
		e.add(console.LevelWarn, "config_differs",
			fmt.Sprintf("node %s has other VIPs, rules or default than this one, or another hash key: make them alike (thresher config get --node %s)", name, name), fields)
	case says:
		e.add(console.LevelInfo, "config_agrees", fmt.Sprintf("node %s has the same VIPs and rules as this one", name), fields)
	}
}

// network is a heartbeat network by which another node is not heard, or is heard
// again, while it is by another one.
func (e *events) network(c cluster.Cut, cut bool) {
	fields := map[string]string{"node": c.Node, "address": c.Address.String()}
	if !cut {
		e.add(console.LevelInfo, "network_restored", fmt.Sprintf("node %s is heard at %v again", c.Node, c.Address), fields)
		return
	}
	e.add(console.LevelWarn, "network_cut",
		fmt.Sprintf("node %s is heard on another heartbeat network, but not at %v: look after the network there, and let UDP and TCP through", c.Node, c.Address), fields)
}

// fenced is that this node lets nothing new in though it is up, and why; or that it does
// again.
func (e *events) fenced(why string) {
	if why == "" {
		e.add(console.LevelInfo, "unfenced", "this node lets new connections in again", nil)
		return
	}
	e.add(console.LevelWarn, "fenced", "this node lets nothing new in: "+why, map[string]string{"reason": why})
}

// view is a new set of nodes that share the buckets; minority is why these let nothing
// in, if they do not.
func (e *events) view(v cluster.View, minority string) {
	names := make([]string, len(v.Nodes))
	for i, n := range v.Nodes {
		names[i] = n.Name
	}
	nodes := strings.Join(names, " ")
	message := fmt.Sprintf("%d nodes share the farm: %s", len(names), nodes)
	switch {
	case len(names) == 0:
		message = "no node is up to share the farm"
	case minority != "":
		message = minority + ": " + nodes
	case len(names) == 1:
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

// conflict is a claim of a VIP by a machine that must not have it.
func (e *events) conflict(vip netip.Addr, c claim) {
	e.add(console.LevelError, "vip_conflict", c.text(vip), map[string]string{"vip": vip.String(), "mac": c.mac.String()})
}

// stranger is a machine whose heartbeats no key of this farm's opens.
func (e *events) stranger(mac config.MAC) {
	e.add(console.LevelWarn, "foreign_heartbeats",
		fmt.Sprintf("%v sends heartbeats that this farm's key does not open: another farm's node, or a node of this farm with another key; compare the checksums of the key files", mac),
		map[string]string{"mac": mac.String()})
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

// wireBlind is a node, or every node if it has no name, that does not get a VIP's
// frames.
func (e *events) wireBlind(node string, vip config.VIP, what, cure string) {
	e.add(console.LevelError, "wire_blind", what+": "+cure,
		map[string]string{"node": node, "vip": vip.Address.String(), "mac": vip.MAC.String()})
}

// wireRestored is frames for the VIPs that reach every node again.
func (e *events) wireRestored() {
	e.add(console.LevelInfo, "wire_restored", "frames for the VIPs reach every node again", nil)
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

// unfit is something about this machine's network without which the node can't serve.
func (e *events) unfit(f health.Finding) {
	e.add(console.LevelError, "machine_unfit", f.What+"; "+f.Cure, nil)
}

// fit is the machine's network as the node needs it again.
func (e *events) fit() {
	e.add(console.LevelInfo, "machine_fit", "this machine's network is as the node needs it again", nil)
}

// queues is more receive queues on the interface.
func (e *events) queues(ifname string, before, after int) {
	e.add(console.LevelInfo, "queues", fmt.Sprintf("interface %s has %d receive queues instead of %d: all of them are read", ifname, after, before),
		map[string]string{"interface": ifname, "queues": fmt.Sprint(after)})
}

// pass hands an event to those who are notified: changes of this node's state, and
// whatever is worth a warning.
func (e *events) pass(event console.Event) {
	d := e.notify.Load()
	if d == nil || event.Kind != kindState && event.Level == console.LevelInfo {
		return
	}
	d.Post(notify.Message{
		Time: event.Time, Node: e.self, Kind: event.Kind, Level: event.Level, Message: event.Message, Fields: event.Fields,
	})
}

// kindState is the kind of a change of this node's own state.
const kindState = "state"

// notifying lets those be told that the configuration names, and of what waited in the
// process before, until what it returns is called.
func (e *events) notifying(cfg *config.Config, waiting []notify.Waiting) (end func()) {
	if len(cfg.Notify) == 0 {
		return func() {}
	}
	e.self = cfg.Node
	d := notify.New(cfg.Notify, e.log)
	d.Resume(waiting)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	e.notify.Store(d)
	return func() { cancel(); <-ended }
}

// waiting is what those who are notified have not been told yet.
func (e *events) waiting() []notify.Waiting {
	d := e.notify.Load()
	if d == nil {
		return nil
	}
	return d.Waiting()
}
