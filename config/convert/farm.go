package convert

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"thresher/config"
)

// farm is a configuration in the making, in the order of the file that comes out.
type farm struct {
	in       Input
	title    string // of what it was made of
	iface    string
	bind     netip.Addr
	join     []netip.Addr
	profile  string
	node     nodeSection // but for its name
	other    string      // default: what happens to traffic that no rule names
	vips     []vip
	rules    []rule
	services []service
	checks   []check
	notes    []Note
}

type vip struct {
	line    int
	Address netip.Addr `yaml:"address"`
	Mode    string     `yaml:"mode,omitempty"`
	MAC     string     `yaml:"mac,omitempty"`
}

type rule struct {
	line int
	// rest says that the rule holds for the ports that no other rule has.
	rest bool

	Name     string       `yaml:"name"`
	Protocol string       `yaml:"protocol"`
	Ports    ports        `yaml:"ports,flow"`
	VIP      []netip.Addr `yaml:"vip,flow,omitempty"`
	Mode     string       `yaml:"mode,omitempty"`
	Affinity string       `yaml:"affinity,omitempty"`
	Prefix   *prefix      `yaml:"prefix,flow,omitempty"`
	Weight   *int         `yaml:"weight,omitempty"`
	Priority *int         `yaml:"priority,omitempty"`
	Nodes    []string     `yaml:"nodes,flow,omitempty"`
	Sticky   text         `yaml:"sticky,omitempty"`
	Forward  bool         `yaml:"forward,omitempty"`
}

type prefix struct {
	V4 int `yaml:"v4,omitempty"`
	V6 int `yaml:"v6,omitempty"`
}

type service struct {
	line int

	Name        string   `yaml:"name"`
	Systemd     string   `yaml:"systemd,omitempty"`
	Start       []string `yaml:"start,flow,omitempty"`
	Stop        []string `yaml:"stop,flow,omitempty"`
	Environment []string `yaml:"environment,flow,omitempty"`
	StopTimeout text     `yaml:"stop_timeout,omitempty"`
	MaxRestarts *int     `yaml:"max_restarts,omitempty"`
	Within      text     `yaml:"within,omitempty"`
}

type check struct {
	line int

	Name        string    `yaml:"name"`
	Type        string    `yaml:"type"`
	Target      string    `yaml:"target,omitempty"`
	Interface   string    `yaml:"interface,omitempty"`
	Process     string    `yaml:"process,omitempty"`
	Args        string    `yaml:"args,omitempty"`
	AtLeast     *int      `yaml:"at_least,omitempty"`
	AtMost      *int      `yaml:"at_most,omitempty"`
	Unit        string    `yaml:"unit,omitempty"`
	Command     []string  `yaml:"command,flow,omitempty"`
	Query       string    `yaml:"query,omitempty"`
	StartTLS    string    `yaml:"starttls,omitempty"`
	Verify      *bool     `yaml:"verify,omitempty"`
	Status      []any     `yaml:"status,flow,omitempty"`
	Interval    text      `yaml:"interval,omitempty"`
	Timeout     text      `yaml:"timeout,omitempty"`
	Rise        *int      `yaml:"rise,omitempty"`
	Fall        *int      `yaml:"fall,omitempty"`
	Phase       string    `yaml:"phase,omitempty"`
	Action      string    `yaml:"action,omitempty"`
	Rules       *[]string `yaml:"rules,flow,omitempty"`
	MaxRestarts *int      `yaml:"max_restarts,omitempty"`
	Within      text      `yaml:"within,omitempty"`
}

// onInterface takes the first interface that the file names; what is on another one is
// noted, since it moves.
func (f *farm) onInterface(line int, what, name string) {
	switch {
	case f.iface == "":
		f.iface = name
	case name != "" && name != f.iface:
		f.note(line, what, "the VIPs of a node are all on one interface, the first: for another network, run a second farm on this machine")
	}
}

// ports are written as numbers and "first-last".
type ports []config.PortRange

// MarshalYAML writes the ports as a configuration has them.
func (p ports) MarshalYAML() (any, error) {
	list := make([]any, len(p))
	for i, r := range p {
		if list[i] = any(int(r.First)); r.First != r.Last {
			list[i] = fmt.Sprintf("%d-%d", r.First, r.Last)
		}
	}
	return list, nil
}

// text is a duration; the empty one is left out.
type text string

func durationText(d time.Duration) text { return text(config.DurationText(d)) }

var allPorts = ports{{First: 1, Last: 65535}}

// note records what has no counterpart.
func (f *farm) note(line int, what, why string) {
	f.notes = append(f.notes, Note{line, what, why})
}

// addVIP adds a shared address once; it tells whether it is one.
func (f *farm) addVIP(line int, address, mode, mac string) error {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return f.in.refuse(line, fmt.Sprintf("%q is no IP address", address), "write the address itself into the file: names are not looked up")
	}
	if !slices.ContainsFunc(f.vips, func(v vip) bool { return v.Address == addr }) {
		f.vips = append(f.vips, vip{line, addr, mode, mac})
	}
	return nil
}

// addRule adds a rule under a name of its own.
func (f *farm) addRule(r rule) {
	r.Name = unused(r.Name, "rule", func(name string) bool {
		return slices.ContainsFunc(f.rules, func(other rule) bool { return other.Name == name })
	})
	f.rules = append(f.rules, r)
}

func (f *farm) addCheck(c check) {
	c.Name = unused(c.Name, c.Type, func(name string) bool {
		return slices.ContainsFunc(f.checks, func(other check) bool { return other.Name == name })
	})
	f.checks = append(f.checks, c)
}

// unused makes a name of what the file calls a thing: with the characters that a
// name may have, and not taken yet.
func unused(wanted, otherwise string, taken func(string) bool) string {
	name := cmp.Or(plainName(wanted), otherwise)
	for i := 2; taken(name); i++ {
		suffix := fmt.Sprintf("-%d", i)
		base := cmp.Or(plainName(wanted), otherwise)
		name = base[:min(len(base), maxName-len(suffix))] + suffix
	}
	return name
}

const maxName = 63

// plainName replaces what a name may not have.
func plainName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, s)
	s = strings.Trim(s, "-._")
	return strings.TrimRight(s[:min(len(s), maxName)], "-._")
}

// apply puts what the operator says above what the file says, and asks for what
// neither does.
func (f *farm) apply(o Options) error {
	f.iface = cmp.Or(o.Interface, f.iface)
	if o.Bind.IsValid() {
		f.bind = o.Bind
	}
	if len(o.Join) > 0 {
		f.join = o.Join
	}
	switch {
	case f.iface == "":
		return f.in.refuse(0, "does not say the VIPs' network interface", "give it by --interface, such as --interface eth0")
	case !f.bind.IsValid():
		return f.in.refuse(0, "does not say this node's own address", "give it by --bind, such as --bind 192.0.2.11")
	case len(f.join) == 0:
		f.note(0, "other nodes", "the file does not say their addresses, so this is a farm of one: add cluster.join, or give them by --join")
	}
	return nil
}

// giveWay takes from the rules for all other ports what the other rules have.
func (f *farm) giveWay() {
	var kept []rule
	for _, r := range f.rules {
		for _, other := range f.rules {
			if r.rest && !other.rest && r.Protocol == other.Protocol && meet(r.VIP, other.VIP) {
				r.Ports = without(r.Ports, other.Ports)
			}
		}
		if len(r.Ports) == 0 {
			f.note(r.line, fmt.Sprintf("rule %s", r.Name), "left out: other rules have all ports")
			continue
		}
		kept = append(kept, r)
	}
	f.rules = kept
}

// meet tells whether two lists of VIPs, of which an empty one means all, have one
// in common.
func meet(a, b []netip.Addr) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(addr netip.Addr) bool { return slices.Contains(b, addr) })
}

// without returns the ports of a that are not in b.
func without(a, b ports) ports {
	for _, cut := range b {
		var rest ports
		for _, r := range a {
			if cut.Last < r.First || cut.First > r.Last {
				rest = append(rest, r)
				continue
			}
			if r.First < cut.First {
				rest = append(rest, config.PortRange{First: r.First, Last: cut.First - 1})
			}
			if r.Last > cut.Last {
				rest = append(rest, config.PortRange{First: cut.Last + 1, Last: r.Last})
			}
		}
		a = rest
	}
	return a
}
