package demo

import (
	"fmt"
	"io"
	"slices"
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
	mu     sync.Mutex
	scene  scene
	shown  time.Time
}

// frameTime is how often the picture changes while requests are under way.
const frameTime = 100 * time.Millisecond

func newPicture(out io.Writer, l *lab.Lab) *picture {
	s := scene{vip: lab.VIP().String()}
	for _, n := range l.Nodes {
		s.nodes = append(s.nodes, sceneNode{name: n.Name, address: n.Address.String()})
	}
	p := &picture{out: out, screen: console.NewScreen(out), scene: s}
	if p.screen.Rows() == 0 {
		p.screen = nil
	}
	return p
}

// watched tells whether somebody sees the picture move.
func (p *picture) watched() bool { return p.screen != nil }

// change alters the scene and draws it: at once, or where it was drawn a moment
// ago, not yet. Off a terminal, only what is said is shown.
func (p *picture) change(now bool, alter func(*scene)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	alter(&p.scene)
	if p.screen == nil || !now && time.Since(p.shown) < frameTime {
		return
	}
	p.shown = time.Now()
	_ = p.screen.Show(p.scene.draw(p.screen.Rows())) // the demo goes on when nobody can watch
}

// say shows a line.
func (p *picture) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	p.change(true, func(s *scene) { s.lines = append(s.lines, line) })
	p.plain(line)
}

// plain shows a line where there is no terminal.
func (p *picture) plain(line string) {
	if p.screen == nil {
		fmt.Fprintln(p.out, line)
	}
}

// share is a node's part of the buckets, 0 to 1.
func (p *picture) share(node int, share float64) {
	p.change(false, func(s *scene) { s.nodes[node].share = share })
}

func (p *picture) killed(node int) {
	p.change(true, func(s *scene) { s.nodes[node].killed, s.nodes[node].share = true, 0 })
}

func (p *picture) back(node int) {
	p.change(true, func(s *scene) { s.nodes[node].killed = false })
}

// begin starts a round of requests.
func (p *picture) begin() {
	p.change(true, func(s *scene) {
		for i := range s.nodes {
			s.nodes[i].served = 0
		}
	})
}

// answered counts an answer of the round; "" is a request that had none.
func (p *picture) answered(node string) {
	p.change(false, func(s *scene) {
		i := slices.IndexFunc(s.nodes, func(n sceneNode) bool { return n.name == node })
		if i >= 0 {
			s.nodes[i].served++
		}
	})
}

// end shows how the round ended.
func (p *picture) end() {
	var line string
	p.change(true, func(s *scene) { line = s.round() })
	p.plain(line)
}
