package signon

import (
	"testing"
	"time"
)

// What is remembered of flows is bounded, and what is over goes first.
func TestSpentFlowsAreBounded(t *testing.T) {
	var s spent
	now := time.Now()
	var flows []flow
	for i := range maxSpent + 1 {
		f := newFlow(now.Add(FlowLife+time.Duration(i)), back)
		flows = append(flows, f)
		if !s.first(now, f) || s.first(now, f) {
			t.Fatalf("flow %d is not good once", i)
		}
	}
	if len(s.ends) != maxSpent || s.first(now, flows[1]) {
		t.Errorf("%d are remembered", len(s.ends))
	}
	if s.first(now.Add(FlowLife+maxSpent-1), newFlow(now.Add(time.Hour), back)); len(s.ends) != 2 {
		t.Errorf("%d are remembered when all but the last are over", len(s.ends))
	}
}
