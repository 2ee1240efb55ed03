package netcheck

import (
	"fmt"
	"net/netip"
	"strings"

	"thresher/health"
)

// Result is what netcheck found. Its JSON form is for scripts: fields are added,
// never renamed.
type Result struct {
	// Node and Interface are this machine's.
	Node      string `json:"node"`
	Interface string `json:"interface"`
	// OK says that no finding is an error.
	OK bool `json:"ok"`
	// Peers are the other machines that took part, by name.
	Peers []Peer `json:"peers"`
	// Deliveries say how many probes got where.
	Deliveries []Delivery `json:"deliveries"`
	// Findings are the judgements, in order.
	Findings []Finding `json:"findings"`
}

// Peer is another machine that took part.
type Peer struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac"`
}

// Delivery is the probes for one VIP from one machine to another.
type Delivery struct {
	VIP  netip.Addr `json:"vip"`
	MAC  string     `json:"mac"`
	From string     `json:"from"`
	To   string     `json:"to"`
	Sent uint32     `json:"sent"`
	Seen uint32     `json:"seen"`

	// late says that some came, and then none any more.
	late bool
}

// Finding is one judgement.
type Finding struct {
	// Level is ok, warn or error.
	Level string `json:"level"`
	// What was found.
	What string `json:"what"`
	// Cure is what to do about it; empty where all is well.
	Cure string `json:"cure,omitempty"`
}

func (r *Result) add(level health.Level, cure, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{level.String(), fmt.Sprintf(format, args...), cure})
	if level == health.LevelError {
		r.OK = false
	}
}

// Text is the result for people.
func (r Result) Text() string {
	var b strings.Builder
	var names []string
	for _, p := range r.Peers {
		names = append(names, fmt.Sprintf("%s (%v)", p.Name, p.Address))
	}
	with := "nobody"
	if len(names) > 0 {
		with = strings.Join(names, ", ")
	}
	fmt.Fprintf(&b, "netcheck of %s on %s, with %s\n", r.Node, r.Interface, with)
	for _, f := range r.Findings {
		b.WriteString(f.Level + ": " + f.What)
		if f.Cure != "" {
			b.WriteString("; " + f.Cure)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
