package settle

import (
	"slices"
	"testing"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

func TestBlocking(t *testing.T) {
	b := newBench(t)
	b.members(map[string]Standing{"b": Alive})
	b.heard(20, 1, 0, 7)
	b.state(7, 0b11, 0)
	for bucket, want := range [][]string{{"b"}, {"b"}, nil} {
		if got := b.n.Blocking(simRule, bucket); !slices.Equal(got, want) {
			t.Errorf("before a report, bucket %d: %v, want %v", bucket, got, want)
		}
	}
	before := b.n.Doubts()
	b.report(Report{Seq: 1, View: 7, Flows: shares.Set(0b10)})
	for bucket, want := range [][]string{nil, {"b"}} {
		if got := b.n.Blocking(simRule, bucket); !slices.Equal(got, want) {
			t.Errorf("after a report, bucket %d: %v, want %v", bucket, got, want)
		}
	}
	if b.n.Doubts() != before {
		t.Error("a report that clears a bucket raises doubts")
	}
	for _, tt := range []struct {
		name  string
		event func()
	}{
		{"a release", func() { b.heard(20, 2, 1, 7) }},
		{"a new process", func() { b.heard(21, 1, 0, 7) }},
		{"a return", func() {
			b.do(0, func(now confirm.Time) Actions { return b.n.Members(now, []Member{{"b", 21, Gone}}) })
			b.heard(21, 2, 0, 7)
		}},
		{"a new member", func() { b.members(map[string]Standing{"c": Alive}) }},
	} {
		before := b.n.Doubts()
		if tt.event(); b.n.Doubts() == before {
			t.Errorf("%s raises no doubts", tt.name)
		}
	}
	if b.n.Alive("b", 21) || !b.n.Alive("c", 20) {
		t.Error("who is alive is not right")
	}
}
