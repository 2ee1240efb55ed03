package lab

import (
	"context"
	"errors"
	"fmt"
)

// Matter is what part of the traffic a cut takes away.
type Matter uint8

// What a cut can take away.
const (
	// Everything is every frame.
	Everything Matter = iota
	// Gossip is UDP and TCP from or to the port of memberlist, 7946: what a
	// firewall between the nodes would block.
	Gossip
	// Heartbeats are the frames of EtherType 0x88B5, on which nodes confirm
	// their views.
	Heartbeats
	// ARP is the address resolution of IPv4.
	ARP
)

// matches are the nftables expressions that find the matter, one rule each.
func (m Matter) matches() ([]string, error) {
	switch m {
	case Everything:
		return []string{""}, nil
	case Gossip:
		const transport = "meta l4proto { tcp, udp } th "
		return []string{
			fmt.Sprintf("%sdport %d ", transport, gossipPort),
			fmt.Sprintf("%ssport %d ", transport, gossipPort),
		}, nil
	case Heartbeats:
		return []string{"ether type 0x88b5 "}, nil
	case ARP:
		return []string{"ether type arp "}, nil
	}
	return nil, fmt.Errorf("lab: a cut of matter %d: there is none", m)
}

// Cut is a hole between two ports of the switch: From no longer reaches To. The
// other direction is a cut of its own.
type Cut struct {
	From, To *Host
	Matter   Matter
}

// Between are the cuts that part every host of a from every one of b, in both
// directions.
func Between(a, b []*Host, m Matter) []Cut {
	var all []Cut
	for _, x := range a {
		for _, y := range b {
			all = append(all, Cut{x, y, m}, Cut{y, x, m})
		}
	}
	return all
}

// Cut makes all the cuts at one moment, on the switch. The hosts' links stay up:
// nobody is told.
func (l *Lab) Cut(ctx context.Context, cuts ...Cut) (*Fault, error) {
	return l.cut(ctx, cuts, func(h *Host) string { return h.Port })
}

// cut is Cut at the hosts' ports that port names.
func (l *Lab) cut(ctx context.Context, cuts []Cut, port func(*Host) string) (*Fault, error) {
	if len(cuts) == 0 {
		return nil, errors.New("lab: nothing to cut")
	}
	rules, err := cutRules(cuts, port)
	if err != nil {
		return nil, err
	}
	return l.inject(ctx, "bridge", "forward", rules)
}

func cutRules(cuts []Cut, port func(*Host) string) ([]string, error) {
	var rules []string
	for _, c := range cuts {
		matches, err := c.Matter.matches()
		if err != nil {
			return nil, err
		}
		for _, m := range matches {
			rules = append(rules, fmt.Sprintf("iifname %q oifname %q %scounter drop", port(c.From), port(c.To), m))
		}
	}
	return rules, nil
}
