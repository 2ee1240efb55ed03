package settle

import (
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

// newcomer is a as one of so many nodes, with all buckets held and none of its own flows.
func newcomer(t *testing.T, nodes int) *bench {
	t.Helper()
	n, a := New("a", 10, Params{Nodes: nodes}, []confirm.RuleID{simRule}, start)
	b := &bench{t, n, start, a}
	b.state(1, every, 0)
	b.tick(10 * time.Millisecond)
	b.scanned(0)
	return b
}

// clear has b report that it has no flows.
func (b *bench) clear() {
	b.heard(20, 1, 3, 1)
	b.report(Report{Seq: 5, View: 1, Release: 3})
}

// What a new process holds is unsettled until it has met everybody, or time is up.
func TestStrangers(t *testing.T) {
	const hold = 60 * time.Second
	for _, tt := range []struct {
		name  string
		nodes int
		event func(*bench)
		want  uint64
	}{
		{"alone by configuration", 1, func(*bench) {}, 0},
		{"alone", 2, func(*bench) {}, every},
		{"alone, just before the time", 2, func(b *bench) { b.tick(hold - 12*time.Millisecond) }, every},
		{"alone for long", 2, func(b *bench) { b.tick(hold) }, 0},
		{"everybody met", 2, (*bench).clear, 0},
		{"one of two met", 3, (*bench).clear, every},
		{"one of two met, for long", 3, func(b *bench) { b.clear(); b.tick(hold) }, 0},
		{"met with flows", 2, func(b *bench) {
			b.heard(20, 1, 3, 1)
			b.report(Report{Seq: 5, View: 1, Release: 3, Flows: shares.Set(0b101)})
		}, 0b101},
		{"only a report has come", 2, func(b *bench) { b.report(Report{Seq: 5, View: 1, Release: 3}) }, every},
		{"met, and gone since", 2, func(b *bench) { b.clear(); b.members(map[string]Standing{"b": Gone}) }, 0},
		{"said goodbye", 2, func(b *bench) { b.clear(); b.leaving(); b.members(map[string]Standing{"b": Left}) }, 0},
		{"fenced while one is not met", 2, func(b *bench) { b.tick(hold); b.do(0, b.n.Fenced) }, every},
		{"fenced while one is not met, for long", 2, func(b *bench) {
			b.tick(hold)
			b.do(0, b.n.Fenced)
			b.tick(hold)
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newcomer(t, tt.nodes)
			tt.event(b)
			b.unsettled("after", tt.want)
			if b.out.Wake == 0 && b.n.awaited() {
				t.Error("nothing wakes it when the time is up")
			}
		})
	}
}
