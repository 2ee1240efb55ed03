package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Initial is what a farm's first configuration is made of.
type Initial struct {
	Node, Interface string
	VIPs            []netip.Addr
	Mode            string
	TCP, UDP        []PortRange
	// Bind is where the node gossips, Further where on more heartbeat networks.
	Bind    netip.AddrPort
	Further []netip.AddrPort
	KeyFile string
	// Service is a systemd unit that serves the rules; empty for none.
	Service string
	// Check is an address that answers if this node can serve; empty for none.
	Check string
	// RunDir and StateDir are empty for the usual ones.
	RunDir, StateDir string
}

// Text is the configuration, for people to go on with.
func (i Initial) Text() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Thresher: configuration of one node of a farm. node, interface and cluster.bind are")
	line("# this machine's own; vips, rules, default and the key file are the same on every node.")
	line("# Check a change with `thresher config check FILE`, have all nodes make it with `thresher config apply FILE --all`.")
	line("node: {name: %q}", i.Node)
	line("interface: %q\nvips:", i.Interface)
	for _, v := range i.VIPs {
		line("  - {address: %q, mode: %q}", v.String(), i.Mode)
	}
	line("rules:")
	for _, r := range []struct {
		name, protocol string
		ports          []PortRange
	}{{"web", "tcp", i.TCP}, {"udp", "udp", i.UDP}} {
		if len(r.ports) > 0 {
			line("  - {name: %s, protocol: %s, ports: [%s]}", r.name, r.protocol, quotedPorts(r.ports))
		}
	}
	own := append(Peer{i.Bind}, i.Further...)
	line("default: deny\ncluster:\n  bind: %s\n  join: [%q]\n  key_file: %q", own.bindText(), own.String(), i.KeyFile)
	if i.Service != "" {
		line("services:\n  - {name: %q, systemd: %q}", strings.TrimSuffix(i.Service, ".service"), i.Service)
	}
	if i.Check != "" {
		line("checks:\n  - {name: answers, type: http, target: %q}", i.Check)
	}
	if i.RunDir != "" {
		line("run_dir: %q", i.RunDir)
	}
	if i.StateDir != "" {
		line("state_dir: %q", i.StateDir)
	}
	return []byte(b.String())
}

// bind is cluster.bind of the node that gossips there: an address, or one for each network.
func (p Peer) bind() any {
	texts := p.texts()
	if len(texts) == 1 {
		return texts[0]
	}
	return texts
}

// bindText is bind, as it is written.
func (p Peer) bindText() string {
	quoted := p.texts()
	for i, text := range quoted {
		quoted[i] = strconv.Quote(text)
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func quotedPorts(ports []PortRange) string {
	texts := make([]string, len(ports))
	for i, p := range ports {
		if texts[i] = p.String(); p.First != p.Last {
			texts[i] = fmt.Sprintf("%q", texts[i])
		}
	}
	return strings.Join(texts, ", ")
}

// Networks is how many heartbeat networks the text names; one if it does not say.
func (d *Document) Networks() int { return max(1, len(d.texts("cluster", "bind"))) }

// texts is one text or a list of them, as it is written.
func (d *Document) texts(path ...string) (list []string) {
	var one string
	if !d.Get(&list, path...) && d.Get(&one, path...) {
		list = []string{one}
	}
	return list
}

// memberAt is the node whose text it is, by all its addresses: by the one that it
// gossips at if the text has another one, which something has overridden.
func (d *Document) memberAt(at netip.AddrPort) (p Peer) {
	for _, text := range d.texts("cluster", "bind") {
		one, err := netip.ParseAddrPort(withPort(text))
		if err != nil {
			return Peer{at}
		}
		p = append(p, one)
	}
	if !slices.Contains(p, at) {
		return Peer{at}
	}
	return p
}

// withPeers adds peers to a list that has none of their addresses.
func withPeers(list []string, more ...Peer) []string {
	known := make(map[string]bool)
	for _, one := range list {
		for _, address := range strings.Fields(one) {
			known[withPort(address)] = true
		}
	}
	for _, one := range more {
		if !slices.ContainsFunc(one, func(a netip.AddrPort) bool { return known[a.String()] }) {
			list = append(list, one.String())
		}
	}
	return list
}

// CheckNode tells whether a node may have that name; nil if it may.
func CheckNode(name string) error {
	p := newProblems("node")
	p.name("name", name)
	return p.err()
}

// ReadPorts reads ports as in the file, such as 80,443,8000-8010.
func ReadPorts(text string) ([]PortRange, error) {
	p := newProblems("")
	var raw []any
	for one := range strings.SplitSeq(text, ",") {
		raw = append(raw, strings.TrimSpace(one))
	}
	ports := p.ports("ports", raw)
	if err := p.err(); err != nil {
		return nil, fmt.Errorf("ports %q: use such as 80,443,8000-8010", text)
	}
	return ports, nil
}
