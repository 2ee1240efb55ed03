package farm

import (
	"maps"

	"thresher/config"
)

// scales are how much of each rule's weight is left here, in percent, by reason and
// rule. A rule is served in full again when the last reason is gone.
type scales map[string]map[string]uint8

// scale has a reason leave so many percent of a rule: 0 withdraws it, 100 takes back
// what the reason said.
func (s scales) scale(reason, rule string, percent uint8) {
	if percent >= 100 {
		delete(s[reason], rule)
		if len(s[reason]) == 0 {
			delete(s, reason)
		}
		return
	}
	if s[reason] == nil {
		s[reason] = make(map[string]uint8)
	}
	s[reason][rule] = percent
}

// of is a rule's weight now: what the reasons leave, multiplied, and at least 1
// while none of them withdraws it.
func (s scales) of(r config.Rule) uint8 {
	weight := float64(r.Weight)
	for _, rules := range s {
		percent, ok := rules[r.Name]
		switch {
		case !ok:
		case percent == 0:
			return 0
		default:
			weight = weight * float64(percent) / 100
		}
	}
	if r.Weight == 0 {
		return 0
	}
	return max(1, uint8(weight+0.5))
}

func (s scales) clone() scales {
	c := make(scales, len(s))
	for reason, rules := range s {
		c[reason] = maps.Clone(rules)
	}
	return c
}
