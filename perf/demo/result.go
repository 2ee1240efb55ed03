package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Result is what the clients saw.
type Result struct {
	Nodes int `json:"nodes"`
	// Requests were sent to the whole farm, Answered got an answer.
	Requests int `json:"requests"`
	Answered int `json:"answered"`
	// PerNode is how many requests each node answered.
	PerNode map[string]int `json:"per_node"`
	// Duplicates are packets of clients that more than one node answered, in the
	// whole run, as seen on the client's wire.
	Duplicates int `json:"duplicates"`
	// AfterKill is what followed when a node was killed.
	AfterKill AfterKill `json:"after_kill"`
	// OK says that everything was as it should be.
	OK bool `json:"ok"`
}

// AfterKill is what clients saw from the moment that a node was killed.
type AfterKill struct {
	Requests int `json:"requests"`
	Answered int `json:"answered"`
	// FirstAnswerMS is when the first of the killed node's clients was answered
	// by another node, in milliseconds after the kill.
	FirstAnswerMS int64 `json:"first_answer_ms"`
}

// Bounds of a node's part of the clients, for a farm of three: the ideal third,
// ± four standard deviations of 400 clients.
const (
	leastOfIdeal = 0.69
	mostOfIdeal  = 1.29
)

func (r *Result) before(answers []answer) {
	r.PerNode = make(map[string]int)
	r.Requests = len(answers)
	for _, a := range answers {
		if a.node != "" {
			r.Answered++
			r.PerNode[a.node]++
		}
	}
}

func (r *Result) after(before, after []answer, victim string, killed time.Time) {
	r.AfterKill.Requests = len(after)
	var first time.Time
	for i, a := range after {
		if a.node == "" {
			continue
		}
		r.AfterKill.Answered++
		if before[i].node == victim && a.node != victim && (first.IsZero() || a.at.Before(first)) {
			first = a.at
		}
	}
	if !first.IsZero() {
		r.AfterKill.FirstAnswerMS = first.Sub(killed).Milliseconds()
	}
}

// Problems says what was not as it should be: every client gets exactly one
// answer, from a node that has its fair part. Nothing if OK.
func (r Result) Problems() []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if n := r.Requests - r.Answered; n != 0 {
		add("%d of %d requests were not answered", n, r.Requests)
	}
	if n := r.AfterKill.Requests - r.AfterKill.Answered; n != 0 {
		add("%d of %d requests after the kill were not answered", n, r.AfterKill.Requests)
	}
	if r.Duplicates != 0 {
		add("%d times, more than one node answered", r.Duplicates)
	}
	if n := len(r.PerNode); n != r.Nodes {
		add("%d of %d nodes answered", n, r.Nodes)
	}
	ideal := float64(r.Requests) / float64(r.Nodes)
	for _, name := range slices.Sorted(maps.Keys(r.PerNode)) {
		part := float64(r.PerNode[name]) / ideal
		if r.Nodes <= 3 && (part < leastOfIdeal || part > mostOfIdeal) {
			add("%s answered %d of %d requests", name, r.PerNode[name], r.Requests)
		}
	}
	return list
}

// String is the result for people, 80 columns wide at most.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d requests answered, %d of them by more than one node\n", r.Answered, r.Requests, r.Duplicates)
	for _, name := range slices.Sorted(maps.Keys(r.PerNode)) {
		fmt.Fprintf(&b, "  %-8s %4d  %4.1f %%\n", name, r.PerNode[name], 100*float64(r.PerNode[name])/float64(max(1, r.Requests)))
	}
	fmt.Fprintf(&b, "after the kill %d of %d answered, the lost node's clients from %d ms on\n",
		r.AfterKill.Answered, r.AfterKill.Requests, r.AfterKill.FirstAnswerMS)
	return b.String()
}
