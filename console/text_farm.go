package console

import (
	"fmt"
	"slices"
	"strings"
)

// FarmText renders what all nodes say for people: at most 80 columns, and at most
// rows lines, as StatusText does.
func FarmText(f FarmStatus, rows int) string {
	sections := []section{{head: farmHead(f)}}
	for _, list := range [][][]string{farmRows(f), farmTraffic(f)} {
		sections = appendList(sections, list)
	}
	for _, n := range f.Nodes {
		if n.Problem != "" {
			sections = append(sections, section{head: []string{clip(n.Name+" does not answer: "+n.Problem, textWidth)}})
		}
		if lines := farmNodeLines(n); len(lines) > 0 {
			sections = append(sections, section{head: lines})
		}
	}
	return layout(sections, rows)
}

// farmNodeLines say why a node does not serve as others do.
func farmNodeLines(n FarmNode) (lines []string) {
	if n.Status == nil {
		return nil
	}
	if n.Status.Reason != "" {
		lines = wrapped(fmt.Sprintf("%s is %s: %s", n.Name, n.State, n.Status.Reason))
	}
	if n.Status.Fenced != "" {
		lines = append(lines, wrapped(n.Name+" lets nothing new in: "+n.Status.Fenced)...)
	}
	for _, wish := range wishLines(*n.Status) {
		lines = append(lines, wrapped(n.Name+": "+wish)...)
	}
	return lines
}

func farmHead(f FarmStatus) []string {
	nodes := make([]Node, len(f.Nodes))
	views, behind := make(map[ViewID]bool), false
	for i, n := range f.Nodes {
		nodes[i] = Node{State: n.State}
		if n.Status != nil && n.State == Up {
			views[n.Status.View] = true
		}
		behind = behind || n.Status != nil && n.Status.BehindBalancer
	}
	agree := "they agree on one view"
	if len(views) > 1 {
		agree = fmt.Sprintf("they are in %d views", len(views))
	}
	if behind {
		agree = behindBalancer
	}
	head := []string{
		clip("the farm as "+f.Node+" gathered it", textWidth),
		joinFitting(count(len(nodes), "node", "nodes")+stateCounts(nodes), agree),
	}
	if nobody := nobodyServes(nodes); nobody != "" {
		head = append(head, nobody)
	}
	return head
}

// farmRows has a row per node, and a column per rule, as many as fit.
func farmRows(f FarmStatus) [][]string {
	rows := [][]string{{"NODE", "STATE", "ADDRESS", "SETTLED"}}
	var rules []string
	for _, n := range f.Nodes {
		address, settled := "", "-"
		if n.Address.IsValid() {
			address = n.Address.String()
		}
		if n.Status != nil {
			if !n.Status.BehindBalancer {
				settled = map[bool]string{true: "yes", false: "no"}[n.Status.Settled]
			}
			for _, r := range n.Status.Rules {
				if !slices.Contains(rules, r.Name) {
					rules = append(rules, r.Name)
				}
			}
		}
		rows = append(rows, []string{n.Name, string(n.State), orDash(address), settled})
	}
	for i, rule := range rules {
		column := []string{rule}
		for _, n := range f.Nodes {
			cell := "-"
			if share, ok := n.Shares[rule]; ok {
				cell = percent(share)
			}
			column = append(column, cell)
		}
		wider := appendColumn(rows, column)
		if i > 0 && tableWidth(wider) > textWidth {
			break
		}
		rows = wider
	}
	return rows
}

// farmTraffic has a row per node, and as many counters as fit.
func farmTraffic(f FarmStatus) [][]string {
	rows := [][]string{{"PACKETS"}}
	columns := [][]string{{"ACCEPTED"}, {"REJECTED"}, {"OPENED"}, {"CONNECTIONS"}, {"FENCED"}, {"ASKED"}}
	for _, n := range f.Nodes {
		if n.Status == nil || n.Status.BehindBalancer {
			continue
		}
		d := n.Status.Datapath
		rows = append(rows, []string{n.Name})
		for i, n := range []uint64{d.Accepted, d.Rejected, d.Opened, uint64(flows(*n.Status)), d.Fenced, d.Asked} {
			columns[i] = append(columns[i], grouped(n))
		}
	}
	for _, column := range columns {
		wider := appendColumn(rows, column)
		if tableWidth(wider) > textWidth {
			break
		}
		rows = wider
	}
	return rows
}

// OutcomesText renders what came of a change, a line a node.
func OutcomesText(action string, o Outcomes) string {
	past := map[string]string{actionStart: "started", actionStop: "stopped", actionDrain: "drains", actionRestart: "restarted", actionWeight: "weight set"}[action]
	var b strings.Builder
	for _, n := range o.Nodes {
		line := n.Name + ": " + past
		if n.Error != nil {
			line = n.Name + ": not done: " + n.Error.Error()
		}
		b.WriteString(clip(line, 400) + "\n")
	}
	return b.String()
}
