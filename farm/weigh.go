package farm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"thresher/cluster"
	"thresher/console"
)

// weigh tells the farm of this node's weights, if they are new. By heartbeat they
// are everybody's at once; gossip has them for who is not up yet.
func (l *loop) weigh() {
	next := l.weights.wire()
	if slices.Equal(next, l.weighed) {
		return
	}
	l.tellWeights(l.weighed, next)
	l.weighed = next
	meta, err := l.meta(cluster.Up).Encode()
	if err == nil {
		err = l.confirmation.Weigh(string(meta))
	}
	if err != nil {
		l.log.Error("the other nodes are not told of this node's weights", "err", err)
	}
	l.spread()
}

// tellWeights tells of weights that are new, but for rules that withdraw has told of.
func (l *local) tellWeights(before, next []uint8) {
	for i, weight := range next {
		if name := l.cfg.Rules[i].Name; weight != before[i] && l.withdrawn[name] == "" {
			l.events.weight(name, l.weights.of(i), l.weights.withdrawn(i))
		}
	}
}

// weight is a change of what this node serves of a rule.
func (e *events) weight(rule string, weight uint8, withdrawn []string) {
	fields := map[string]string{"rule": rule, "weight": fmt.Sprint(weight)}
	if len(withdrawn) == 0 {
		e.add(console.LevelInfo, "weight", fmt.Sprintf("rule %s has weight %d here", rule, weight), fields)
		return
	}
	fields["withdrawn"] = strings.Join(withdrawn, ", ")
	e.add(console.LevelWarn, "withdrawn", fmt.Sprintf("rule %s is withdrawn here: %s", rule, fields["withdrawn"]), fields)
}

// Weigh sets this node's weight of a rule until the node is stopped, or, if it is
// nil, goes back to the file's.
func (c control) Weigh(ctx context.Context, rule string, weight *uint8) error {
	var err error
	if ended := c.loop.do(ctx, func() { err = c.loop.put(rule, weight) }); ended != nil {
		return ended
	}
	return err
}

func (l *local) put(name string, weight *uint8) error {
	i, err := l.ruleNumber(name)
	switch {
	case err != nil:
		return err
	case weight == nil:
		l.weights.unset(l.cfg.Rules[i].Name)
		return nil
	case *weight > cluster.MaxWeight:
		return &console.Error{Code: console.CodeBadRequest, Message: fmt.Sprintf("weight %d is out of range", *weight), Cure: "give 0 to 100"}
	}
	if r := l.weights.rules[i]; !r.ServedBy(l.cfg.Node) {
		return &console.Error{
			Code: console.CodeConflict, Message: fmt.Sprintf("rule %s is not for this node: mode %s, nodes %s", r.Name, r.Mode, listed(r.Nodes)),
			Cure: "change the rule in the configuration and reload it",
		}
	}
	l.weights.put(l.cfg.Rules[i].Name, *weight)
	return nil
}

// listed are names; all if there are none.
func listed(names []string) string {
	if len(names) == 0 {
		return "all"
	}
	return strings.Join(names, ", ")
}
