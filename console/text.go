package console

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// StatusText renders a status for people: at most 80 columns, and at most rows
// lines by cutting long lists short; no limit if rows is not positive.
func StatusText(s Status, rows int) string {
	sections := []section{{head: headline(s)}}
	for _, rows := range [][][]string{nodeRows(s), ruleRows(s.Rules), vipRows(s.VIPs)} {
		sections = appendList(sections, rows)
	}
	if !s.BehindBalancer {
		sections = append(sections, section{head: datapathLines(s.Datapath)})
	}
	for _, rows := range [][][]string{checkRows(s.Checks), serviceRows(s.Services)} {
		sections = appendList(sections, rows)
	}
	return layout(sections, rows)
}

// headline says the most important things first: is this node up, and if not,
// why, and how many others are.
func headline(s Status) []string {
	lines := []string{
		stateLine(s),
		joinFitting(append([]string{count(len(s.Nodes), "node", "nodes") + stateCounts(s.Nodes)}, standing(s)...)...),
	}
	lines = slices.Insert(lines, 1, fencedLines(s)...)
	if len(s.Withdrawn) > 0 {
		lines = append(lines, clip("THIS NODE SERVES NOBODY: "+strings.Join(s.Withdrawn, ", "), textWidth))
	}
	lines = append(lines, wishLines(s)...)
	if nobody := nobodyServes(s.Nodes); nobody != "" {
		lines = append(lines, nobody)
	}
	for _, problem := range s.Machine {
		lines = append(lines, wrapped("machine: "+problem)...)
	}
	for _, problem := range s.Wire {
		lines = append(lines, wrapped("wire: "+problem)...)
	}
	if names := s.Differing(); len(names) > 0 {
		lines = append(lines, wrapped("config differs: "+strings.Join(names, ", ")+" and "+s.Node+" cannot share clients; make VIPs and rules alike")...)
	}
	for _, r := range s.Rules {
		if len(r.Withdrawn) > 0 {
			lines = append(lines, clip("rule "+r.Name+" is not served here: "+strings.Join(r.Withdrawn, ", "), textWidth))
		}
	}
	for _, v := range s.VIPs {
		if v.Conflict != nil {
			lines = append(lines, wrapped("conflict: "+v.Conflict.Text)...)
		}
	}
	if c := s.Cluster; c != nil {
		for _, node := range c.GossipBlocked {
			lines = append(lines, "gossip is blocked: "+node+"; let UDP and TCP through")
		}
		if c.KeyChange {
			lines = append(lines, "two keys are believed: thresher key rotate --status")
		}
		for _, node := range c.NetworksCut {
			lines = append(lines, wrapped("a heartbeat network is cut: "+node+"; look after the network there")...)
		}
		if text := c.leases(); text != "" {
			lines = append(lines, wrapped(text)...)
		}
		if c.JoinList != nil {
			lines = append(lines, wrapped(c.JoinList.String())...)
		}
		if len(c.ForeignHeartbeats) > 0 {
			lines = append(lines, wrapped("heartbeats of another farm, or with another key, from "+strings.Join(c.ForeignHeartbeats, ", "))...)
		}
		words := []string{fmt.Sprintf("health score %d", c.HealthScore), grouped(c.RefusedMessages) + " messages refused"}
		if c.DetectionMS > 0 { // 0 where there is nobody to lose
			words = append([]string{fmt.Sprintf("a crash is made up for within %d ms", c.DetectionMS)}, words...)
		}
		lines = append(lines, joinFitting(words...))
	}
	return lines
}

// behindBalancer stands where a farm with VIPs has its view.
const behindBalancer = "no VIP: a balancer in front picks the node"

// standing is how the nodes share the VIPs' clients.
func standing(s Status) []string {
	if s.BehindBalancer {
		return []string{behindBalancer}
	}
	words := []string{"no view", "unsettled"}
	if s.View != 0 {
		words[0] = "view " + s.View.String()
	}
	if s.Settled {
		words[1] = "settled"
	}
	return words
}

// stateCounts says how many nodes are in which state, in the order of a node's
// life.
func stateCounts(nodes []Node) string {
	var parts []string
	for _, state := range []NodeState{Up, Draining, Waiting, Starting, Stopped, Unreachable} {
		n := 0
		for _, node := range nodes {
			if node.State == state {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// wishLines are what operators have asked for and the state does not show, each with
// what ends it.
func wishLines(s Status) (lines []string) {
	if s.State == Draining {
		lines = append(lines, drainLine(s))
	}
	if s.Cordoned {
		lines = append(lines, "cordoned: out until thresher uncordon, over boots and starts")
	}
	if s.ChecksSuspended {
		lines = append(lines, "checks are suspended: thresher resume has them count again")
	}
	return lines
}

// drainLine says what a drain waits for.
func drainLine(s Status) string {
	end := "it stops when the last has ended"
	if !s.DrainEnds.IsZero() {
		end = "it stops by " + s.DrainEnds.Format(time.DateTime)
	}
	if s.BehindBalancer {
		return end // the balancer has the connections
	}
	return count(flows(s), "connection is", "connections are") + " left; " + end
}

// flows is how many connections of all rules the reporting node has.
func flows(s Status) (n int) {
	for _, r := range s.Rules {
		n += r.Flows
	}
	return n
}

// StateText says what the node's state is, and why if it is not up.
func StateText(s Status) string {
	return strings.Join(slices.Concat([]string{stateLine(s)}, fencedLines(s), wishLines(s)), "\n") + "\n"
}

// fencedLines say that nothing new is let in, and why.
func fencedLines(s Status) []string {
	if s.Fenced == "" {
		return nil
	}
	return wrapped("LETS NOTHING NEW IN: " + s.Fenced)
}

func stateLine(s Status) string {
	line := s.Node + " is " + string(s.State)
	if share, ok := ownShare(s); ok && s.State == Up && s.Fenced == "" {
		line += fmt.Sprintf(" %.0f %%", 100*share)
	}
	if s.Reason != "" {
		line += " (" + s.Reason + ")"
	}
	return clip(line, textWidth)
}

// ownShare is the reporting node's part of the buckets that nodes share: those of
// rules that one node serves alone, or nobody, say nothing of how much it does.
func ownShare(s Status) (float64, bool) {
	mine, all := 0, 0
	for _, r := range s.Rules {
		if r.Mode == "" {
			mine, all = mine+r.Mine, all+r.Buckets
		}
	}
	return float64(mine) / float64(max(1, all)), all > 0
}

// nobodyServes says so where all nodes that answer wait or are stopped. What the others
// do, nobody here can tell: of stopped nodes beside them it says nothing.
func nobodyServes(nodes []Node) string {
	waiting, stopped, unknown := 0, 0, 0
	for _, n := range nodes {
		switch n.State {
		case Waiting:
			waiting++
		case Unreachable:
			unknown++
		case Stopped:
			stopped++
		default:
			return ""
		}
	}
	switch {
	case waiting == 0 && (unknown > 0 || stopped == 0):
		return ""
	case waiting == 0:
		return "ALL NODES ARE STOPPED: nobody serves"
	case unknown > 0:
		return "NO NODE THAT CAN BE REACHED FROM HERE SERVES"
	}
	return "ALL NODES WAIT: nobody serves"
}
