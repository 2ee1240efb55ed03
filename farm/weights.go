package farm

import (
	"maps"
	"slices"
	"strings"

	"thresher/cluster"
	"thresher/config"
)

// weights is what this node can serve of each rule: what the file says, what an
// operator has set since, and how much of that services and checks leave. It is
// plain arithmetic; the loop tells the farm what comes of it.
type weights struct {
	node  string
	rules []config.Rule
	set   map[string]uint8  // by rule: an operator's, instead of the file's
	left  map[string]scales // by reason
}

// scales are how much a reason leaves of rules, in percent, by rule; "" is all.
type scales map[string]uint8

// everyRule stands for all rules where one could be named.
const everyRule = ""

func newWeights(node string, rules []config.Rule) *weights {
	return &weights{node: node, rules: rules, set: make(map[string]uint8), left: make(map[string]scales)}
}

// configure takes the file's weights anew. Whatever else was said stays.
func (w *weights) configure(rules []config.Rule) { w.rules = rules }

// put sets a weight instead of the file's; unset goes back to that.
func (w *weights) put(rule string, weight uint8) { w.set[rule] = min(weight, cluster.MaxWeight) }
func (w *weights) unset(rule string)             { delete(w.set, rule) }

// scale has a reason leave so many percent of a rule's weight: 0 withdraws it, 100
// takes back what the reason said. Reasons are counted each by itself: a rule is
// served again when the last one that withdrew it has gone.
func (w *weights) scale(reason, rule string, percent uint8) {
	if percent >= 100 {
		delete(w.left[reason], rule)
		if len(w.left[reason]) == 0 {
			delete(w.left, reason)
		}
		return
	}
	if w.left[reason] == nil {
		w.left[reason] = make(scales)
	}
	w.left[reason][rule] = percent
}

// of is this node's weight of a rule now, 0 to 100. What several reasons leave is
// multiplied; as long as none withdraws the rule, something is left of it.
func (w *weights) of(rule int) uint8 {
	r := w.rules[rule]
	if !r.ServedBy(w.node) {
		return 0
	}
	weight, ok := w.set[r.Name]
	if !ok {
		weight = r.Weight
	}
	if weight == 0 {
		return 0
	}
	scaled := float64(weight)
	for _, reason := range slices.Sorted(maps.Keys(w.left)) { // in order, so that rounding is always the same
		for _, name := range []string{everyRule, r.Name} {
			percent, ok := w.left[reason][name]
			switch {
			case !ok:
			case percent == 0:
				return 0
			default:
				scaled = scaled * float64(percent) / 100
			}
		}
	}
	return uint8(max(1, scaled+0.5))
}

// withdrawn lists the reasons why a rule is not served, in order.
func (w *weights) withdrawn(rule int) []string {
	return w.withdrawnUnder(everyRule, w.rules[rule].Name)
}

// withdrawnAll lists the reasons why no rule is served, in order.
func (w *weights) withdrawnAll() []string { return w.withdrawnUnder(everyRule) }

func (w *weights) withdrawnUnder(names ...string) []string {
	var reasons []string
	for reason, left := range w.left {
		for _, name := range names {
			if percent, ok := left[name]; ok && percent == 0 {
				reasons = append(reasons, reason)
				break
			}
		}
	}
	slices.Sort(reasons)
	return reasons
}

// unserved is why this node serves nobody by a rule; empty if it may.
func (w *weights) unserved(rule int) string {
	r, reasons := w.rules[rule], w.withdrawn(rule)
	switch {
	case w.of(rule) > 0:
		return ""
	case r.Mode == config.ModeBlock:
		return "mode block: no node serves it"
	case !r.ServedBy(w.node):
		return "it is for nodes " + strings.Join(r.Nodes, ", ")
	case len(reasons) > 0:
		return "withdrawn: " + strings.Join(reasons, ", ")
	}
	return "its weight is 0 here"
}

// wire is what the others are told, by rule: the weight, or the place in the line
// of a rule that one node serves alone.
func (w *weights) wire() []uint8 {
	list := make([]uint8, len(w.rules))
	for i, r := range w.rules {
		list[i] = w.of(i)
		if r.Mode == config.ModeSingle && list[i] > 0 {
			list[i] = cluster.LineWeight(r.Priority)
		}
	}
	return list
}

// rule finds a rule by its name; -1 if there is none.
func (w *weights) rule(name string) int {
	return slices.IndexFunc(w.rules, func(r config.Rule) bool { return r.Name == name })
}

// handedWeights is what of weights is not in the file, as it is handed on.
type handedWeights struct {
	Set  map[string]uint8
	Left map[string]map[string]uint8
}

func (w *weights) hand() handedWeights {
	h := handedWeights{Set: maps.Clone(w.set), Left: make(map[string]map[string]uint8)}
	for reason, left := range w.left {
		h.Left[reason] = maps.Clone(left)
	}
	return h
}

// resume goes on with what was handed on, of the rules that there are still.
func (w *weights) resume(h handedWeights) {
	for rule, weight := range h.Set {
		if w.rule(rule) >= 0 {
			w.put(rule, weight)
		}
	}
	for reason, left := range h.Left {
		for rule, percent := range left {
			if rule == everyRule || w.rule(rule) >= 0 {
				w.scale(reason, rule, percent)
			}
		}
	}
}
