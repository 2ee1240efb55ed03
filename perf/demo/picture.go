package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"thresher/console"
	"thresher/perf/lab"
)

// picture is the live view: who serves how much, and what is happening. Its
// methods may be called from any goroutine.
type picture struct {
	out    io.Writer
	screen *console.Screen // nil off a terminal
	mu     *sync.Mutex
	state  *pictureState
}

// pictureState is what is drawn.
type pictureState struct {
	vip   string
	nodes []pictureNode
	lines []string // what happened, the newest last
	sent  int
	shown time.Time
}

type pictureNode struct {
	name    string
	address string
	share   float64 // of the buckets, 0 to 1
	served  int     // requests of the round
	killed  bool
}

// frameTime is how often the picture changes while requests are under way.
const frameTime = 100 * time.Millisecond

// barWidth is the width of a full bar, in characters.
const barWidth = 40

func newPicture(out io.Writer, l *lab.Lab) picture {
	s := &pictureState{vip: lab.VIP().String()}
	for _, n := range l.Nodes {
		s.nodes = append(s.nodes, pictureNode{name: n.Name, address: n.Address.String()})
	}
	p := picture{out: out, screen: console.NewScreen(out), mu: &sync.Mutex{}, state: s}
	if p.screen.Rows() == 0 {
		p.screen = nil
	}
	return p
}

// change alters the state and draws it: at once, or where the picture was drawn
// a moment ago, not yet. Off a terminal, only what is said is shown.
func (p picture) change(now bool, alter func(*pictureState)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	alter(p.state)
	if p.screen == nil || !now && time.Since(p.state.shown) < frameTime {
		return
	}
	p.state.shown = time.Now()
	_ = p.screen.Show(p.state.String()) // the demo goes on when nobody can watch
}

// say shows a line.
func (p picture) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	p.change(true, func(s *pictureState) { s.lines = append(s.lines, line) })
	p.plain(line)
}

// plain shows a line where there is no terminal.
func (p picture) plain(line string) {
	if p.screen == nil {
		fmt.Fprintln(p.out, line)
	}
}

func (p picture) share(node int, share float64) {
	p.change(false, func(s *pictureState) { s.nodes[node].share = share })
}

func (p picture) killed(node int) {
	p.change(true, func(s *pictureState) { s.nodes[node].killed, s.nodes[node].share = true, 0 })
}

func (p picture) back(node int) {
	p.change(true, func(s *pictureState) { s.nodes[node].killed = false })
}

// begin starts a round of requests.
func (p picture) begin(requests int) {
	p.change(true, func(s *pictureState) {
		s.sent = requests
		for i := range s.nodes {
			s.nodes[i].served = 0
		}
	})
}

// answered counts an answer of the round.
func (p picture) answered(node string) {
	p.change(false, func(s *pictureState) {
		for i := range s.nodes {
			if s.nodes[i].name == node {
				s.nodes[i].served++
			}
		}
	})
}

// end shows how the round ended.
func (p picture) end() {
	var line string
	p.change(true, func(s *pictureState) { line = s.round() })
	p.plain(line)
}

// round sums the round up.
func (s *pictureState) round() string {
	parts := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		parts[i] = fmt.Sprintf("%s %d", n.name, n.served)
	}
	return "answered: " + strings.Join(parts, ", ")
}

// String draws the picture, 80 columns wide at most.
func (s *pictureState) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Thresher demo: %d nodes behind %s\n\n", len(s.nodes), s.vip)
	for _, n := range s.nodes {
		part := float64(n.served) / float64(max(1, s.sent))
		bar := strings.Repeat("█", int(part*barWidth+0.5))
		note := fmt.Sprintf("%4d  %5.1f %%", n.served, 100*part)
		if n.killed {
			note = "killed"
		}
		fmt.Fprintf(&b, "  %-8s %-15s %-*s %s\n", n.name, n.address, barWidth, bar, note)
	}
	b.WriteString("\n")
	for _, line := range s.lines {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}
