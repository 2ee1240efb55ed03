package demo

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"thresher/internal/golden"
)

// farmOf is a scene with so many nodes, of which the last one is dead and the
// others have served the same.
func farmOf(n int) *scene {
	s := &scene{vip: "198.18.0.100", lines: []string{
		"starting the nodes", "400 clients, one request each",
		fmt.Sprintf("node%d is killed (SIGKILL); every client asks until it is answered", n),
	}}
	for i := range n {
		s.nodes = append(s.nodes, sceneNode{
			name: fmt.Sprintf("node%d", i+1), address: fmt.Sprintf("198.18.0.%d", i+11),
			share: 1 / float64(n-1), served: 400 / (n - 1),
		})
	}
	s.nodes[n-1].killed, s.nodes[n-1].served = true, 0
	return s
}

func TestDraw(t *testing.T) {
	idle := farmOf(3)
	for i := range idle.nodes {
		idle.nodes[i].served = 0
	}
	for _, tt := range []struct {
		name  string
		scene *scene
		rows  int
	}{
		{"three", farmOf(3), 23},
		{"idle", idle, 23},
		{"two", farmOf(2), 23},
		{"many", farmOf(32), 23},
		{"many-in-40-rows", farmOf(32), 40},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.scene.draw(tt.rows)
			if lines := strings.Count(got, "\n"); lines > tt.rows {
				t.Errorf("%d lines in %d rows", lines, tt.rows)
			}
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			compare(t, tt.name, got)
		})
	}
}

// compare compares got with testdata/name.golden, or writes it there.
func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	golden.Compare(t, path, got)
}

func TestRound(t *testing.T) {
	s := farmOf(3)
	if got, want := s.round(), "answered: node1 200, node2 200, node3 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
