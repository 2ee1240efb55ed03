package demo

import (
	"fmt"
	"strings"
)

// scene is what the picture shows.
type scene struct {
	vip   string
	nodes []sceneNode
	lines []string // what happened, the newest last
}

type sceneNode struct {
	name    string
	address string
	share   float64 // of the buckets, 0 to 1
	served  int     // requests of the round
	killed  bool
}

// barWidth is the width of a full bar in characters: with what stands around it
// a row has 78 columns.
const barWidth = 36

// round sums the round up.
func (s *scene) round() string {
	parts := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		parts[i] = fmt.Sprintf("%s %d", n.name, n.served)
	}
	return "answered: " + strings.Join(parts, ", ")
}

// draw draws the scene, 80 columns wide and rows lines high at most. Of many
// nodes some are left out, but never the last one, which is the one to watch.
func (s *scene) draw(rows int) string {
	lines := []string{
		fmt.Sprintf("Thresher demo: %d nodes behind %s", len(s.nodes), s.vip),
		"",
		fmt.Sprintf("  %-8s %-15s %7s  %s", "NODE", "ADDRESS", "SHARE", "ANSWERED"),
	}
	nodes := s.rows()
	if room := max(rows-len(lines)-1-len(s.lines), 3); len(nodes) > room {
		last := len(nodes) - 1
		more := fmt.Sprintf("  ... and %d more", last-(room-2))
		nodes = append(nodes[:room-2:room-2], more, nodes[last])
	}
	lines = append(append(lines, nodes...), "")
	for _, line := range s.lines {
		lines = append(lines, "  "+line)
	}
	return strings.Join(lines, "\n") + "\n"
}

// rows draws each node.
func (s *scene) rows() []string {
	total := 0
	for _, n := range s.nodes {
		total += n.served
	}
	rows := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		share := fmt.Sprintf("%5.1f %%", 100*n.share)
		if n.killed {
			share = "killed"
		}
		bar := strings.Repeat("█", s.barOf(n.served, total))
		rows[i] = fmt.Sprintf("  %-8s %-15s %7s  %-*s %4d", n.name, n.address, share, barWidth, bar, n.served)
	}
	return rows
}

// barOf is how long a node's bar is. A full one is twice a node's fair part, so
// that a farm of any size has bars to compare.
func (s *scene) barOf(served, total int) int {
	if total == 0 {
		return 0
	}
	fair := float64(total) / float64(len(s.nodes))
	return min(barWidth, int(float64(served)/(2*fair)*barWidth+0.5))
}
