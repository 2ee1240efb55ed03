package console

import (
	"fmt"
	"slices"
	"time"
)

// A trial is a configuration in force that is not yet known to do. Every node that
// takes part decides by itself: it keeps it when all of them say that the farm is
// well, and otherwise goes back when its own time is over. Nobody is in charge, so
// that it does not matter who dies meanwhile, the node that was asked included.

// The states of a trial.
const (
	// TrialRunning is not decided, and this node is not well yet.
	TrialRunning = "running"
	// TrialGood is not decided, and this node is well.
	TrialGood = "good"
	// TrialKept is in force for good.
	TrialKept = "kept"
	// TrialUndone is that the configuration before is in force again.
	TrialUndone = "undone"
)

// Trial is a configuration on trial, or the last one that was.
type Trial struct {
	// ID is the same on all nodes that take part; empty if there was no trial.
	ID string `json:"id"`
	// State is one of the constants above.
	State string `json:"state"`
	// Reason is why it was undone, or what it waits for.
	Reason string `json:"reason,omitempty"`
	// Deadline is when it is undone unless it is kept; not there without a trial.
	Deadline time.Time `json:"deadline,omitzero"`
	// Nodes take part in it.
	Nodes []string `json:"nodes"`
	// Before is how well the farm was.
	Before Health `json:"before"`
	// Earlier is how the trials before this one have ended on this node, the newest
	// first: a node that takes part in one may not have heard of it yet.
	Earlier []EndedTrial `json:"earlier,omitempty"`
}

// EndedTrial is a trial that is decided.
type EndedTrial struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// maxEarlier bounds Trial.Earlier: of changes in a quick sequence, the others ask for
// the last ones.
const maxEarlier = 8

// After is t as the trial that follows another one on the same node.
func (t Trial) After(before Trial) Trial {
	t.Earlier = before.Earlier
	if before.ID != "" && before.ID != t.ID && before.Decided() {
		t.Earlier = append([]EndedTrial{{before.ID, before.State}}, before.Earlier[:min(len(before.Earlier), maxEarlier-1)]...)
	}
	return t
}

// StateOf is the state of this trial or of an earlier one; "" of one that is not known.
func (t Trial) StateOf(id string) string {
	if t.ID == id {
		return t.State
	}
	for _, one := range t.Earlier {
		if one.ID == id {
			return one.State
		}
	}
	return ""
}

// Resumed is a trial that was written down, for the process that goes on with it. Its
// time is told by the clock that nobody sets from now on, and however the other one
// was set meanwhile, it is no longer than that of any trial.
func (t Trial) Resumed(now time.Time) Trial {
	t.Deadline = now.Add(min(t.Deadline.Sub(now), maxTrialTime))
	return t
}

// Decided tells whether nothing more comes of it.
func (t Trial) Decided() bool { return t.State != TrialRunning && t.State != TrialGood }

// Health is what must not get worse by a change.
type Health struct {
	// Up are the nodes that are up.
	Up []string `json:"up"`
	// Served are the rules that some node serves.
	Served []string `json:"served"`
	// Failing are the checks and services of the reporting node that are down.
	Failing []string `json:"failing"`
}

// HealthOf is how well a farm is in the eyes of one of its nodes.
func HealthOf(s Status) Health {
	h := Health{Up: []string{}, Served: []string{}, Failing: []string{}}
	served := make(map[string]bool)
	for _, n := range s.Nodes {
		if n.State == Up {
			h.Up = append(h.Up, n.Name)
		}
		for rule, share := range n.Shares {
			served[rule] = served[rule] || share > 0
		}
	}
	for _, r := range s.Rules {
		if served[r.Name] {
			h.Served = append(h.Served, r.Name)
		}
	}
	for _, c := range s.Checks {
		if c.State == "down" {
			h.Failing = append(h.Failing, "check "+c.Name)
		}
	}
	for _, one := range s.Services {
		if one.State == "down" {
			h.Failing = append(h.Failing, "service "+one.Name)
		}
	}
	return h
}

// Worse says what has become worse since, in one sentence; "" if nothing has.
func (h Health) Worse(s Status) string {
	now := HealthOf(s)
	for _, name := range h.Up {
		if !slices.Contains(now.Up, name) {
			return fmt.Sprintf("node %s is not up", name)
		}
	}
	for _, r := range s.Rules { // those that are gone are gone by intent
		if slices.Contains(h.Served, r.Name) && !slices.Contains(now.Served, r.Name) {
			return fmt.Sprintf("nobody serves rule %s", r.Name)
		}
	}
	for _, one := range now.Failing {
		if !slices.Contains(h.Failing, one) {
			return one + " is down"
		}
	}
	if len(s.Nodes) > 0 && s.State == Up && !s.Settled {
		return "buckets are on their way"
	}
	return ""
}

// trialSteady is how long the farm must be well before a node says that it is.
const trialSteady = 2 * time.Second

// trialWatch is one node's part in the decision: a pure function of what it sees.
type trialWatch struct {
	trial Trial
	well  time.Time // since when the farm is; zero while it is not
}

// look takes in this node's state, and what the other nodes that take part say of
// the same trial: "" of those that say nothing. It returns the trial's state by now.
func (w *trialWatch) look(now time.Time, s Status, others map[string]string) Trial {
	t := &w.trial
	if t.Decided() {
		return *t
	}
	worse := t.Before.Worse(s)
	if worse != "" {
		w.well = time.Time{}
	} else if w.well.IsZero() {
		w.well = now
	}
	t.State, t.Reason = TrialRunning, worse
	if worse == "" && now.Sub(w.well) >= trialSteady {
		t.State = TrialGood
	}
	w.decide(now, s.Node, others)
	return *t
}

// decide follows who has decided, keeps what all find good, and ends what takes too
// long. Who has kept it has heard that all found it good: that counts more than who
// has not heard it in time.
func (w *trialWatch) decide(now time.Time, self string, others map[string]string) {
	t := &w.trial
	good := t.State == TrialGood
	var undone, behind string
	for _, name := range t.Nodes {
		if name == self {
			continue
		}
		switch others[name] {
		case TrialKept:
			t.State, t.Reason = TrialKept, ""
			return
		case TrialUndone:
			undone = name
		case TrialGood:
		default:
			behind = name
		}
	}
	switch {
	case undone != "":
		t.State, t.Reason = TrialUndone, fmt.Sprintf("node %s has gone back", undone)
	case good && behind == "":
		t.State, t.Reason = TrialKept, ""
	case !now.Before(t.Deadline):
		t.State = TrialUndone
		if t.Reason == "" {
			t.Reason = "this node was not well for long enough"
			if behind != "" {
				t.Reason = fmt.Sprintf("node %s does not say that it is well", behind)
			}
		}
	case good && behind != "":
		t.Reason = fmt.Sprintf("waits for node %s", behind)
	}
}
