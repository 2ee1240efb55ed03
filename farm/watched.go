package farm

import (
	"thresher/console"
	"thresher/pipeline"
)

// Datapath reports the packet path alone, which costs little.
func (c control) Datapath() (d console.Datapath) {
	_ = c.look(func() { d = c.loop.front.datapathStatus() }) // nothing, of a daemon that ends
	return d
}

// Buckets tells whose the buckets of a rule are.
func (c control) Buckets(rule string, cells int) (b console.Buckets, err error) {
	if unasked := c.look(func() { b, err = c.loop.front.buckets(rule, cells) }); unasked != nil {
		return b, unasked
	}
	return b, err
}

// buckets picks every so many of a rule's buckets.
func (l *loop) buckets(rule string, cells int) (console.Buckets, error) {
	i, err := l.ruleNumber(rule)
	if err != nil {
		return console.Buckets{}, err
	}
	b := console.Buckets{
		Rule: l.cfg.Rules[i].Name, View: console.ViewID(l.division.View.ID), Nodes: l.division.View.Names(),
		Step: pipeline.Buckets / cells, Owners: make([]int, cells), Unsettled: []int{},
	}
	unsettled := l.confirmation.Shown().Unsettled.Of(l.confirmation.RuleID(i))
	known := make(map[string]int, len(b.Nodes))
	for n, name := range b.Nodes {
		known[name] = n
	}
	for cell := range cells {
		bucket := cell * b.Step
		b.Owners[cell] = -1
		if n, ok := known[l.server(i, uint16(bucket))]; ok {
			b.Owners[cell] = n
		}
		if unsettled != nil && unsettled.Has(bucket) {
			b.Unsettled = append(b.Unsettled, cell)
		}
	}
	return b, nil
}
