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

// bindText is cluster.bind of the node that gossips there.
func (p Peer) bindText() string {
	texts := make([]string, len(p))
	for i, at := range p {
		texts[i] = strconv.Quote(at.String())
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "[" + strings.Join(texts, ", ") + "]"
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

// Newcomer is what is another node's own in a configuration that it gets from a
// member of its farm.
type Newcomer struct {
	Node, Interface  string
	Bind             netip.AddrPort
	Further          []netip.AddrPort // as Cluster has it
	KeyFile, Users   string           // Users is empty where nobody may log in
	RunDir, StateDir string           // empty for as in the member's
}

// Adopt makes the configuration of a newcomer out of a member's: what is the
// farm's stays, what is the member's own becomes the newcomer's. member is where
// the member gossips.
func (n Newcomer) Adopt(text []byte, member netip.AddrPort) ([]byte, error) {
	d, err := ReadDocument(text)
	if err != nil {
		return nil, err
	}
	var vips []any
	var join, listen []string
	d.Get(&join, "cluster", "join")
	d.Get(&listen, "api", "listen")
	join = withPeers(join, d.memberAt(member), append(Peer{n.Bind}, n.Further...))
	set := func(value any, path ...string) {
		if err == nil {
			err = d.Set(value, path...)
		}
	}
	set(n.Node, "node", "name")
	if !d.Get(&vips, "vips") || len(vips) > 0 {
		set(n.Interface, "interface")
	}
	set(n.bind(), "cluster", "bind")
	set(join, "cluster", "join")
	set(n.KeyFile, "cluster", "key_file")
	d.Delete("api", "tls")
	d.Delete("api", "oidc") // its secret and its redirect are the member's
	if own := n.listen(listen, member.Addr()); len(own) > 0 {
		set(own, "api", "listen")
	} else {
		d.Delete("api", "listen")
	}
	if n.Users != "" {
		set(n.Users, "api", "users")
	} else {
		d.Delete("api", "users")
	}
	if n.RunDir != "" {
		set(n.RunDir, "run_dir")
	}
	if n.StateDir != "" {
		set(n.StateDir, "state_dir")
	}
	if err != nil {
		return nil, err
	}
	return d.Text()
}

// bind is cluster.bind: an address, or one for each network.
func (n Newcomer) bind() any {
	if len(n.Further) == 0 {
		return n.Bind.String()
	}
	list := []string{n.Bind.String()}
	for _, at := range n.Further {
		list = append(list, at.String())
	}
	return list
}

// listen is where the newcomer's API is: at its own address where the member's is
// at the member's. A socket goes with the run directory.
func (n Newcomer) listen(member []string, address netip.Addr) (own []string) {
	for _, one := range member {
		switch {
		case strings.HasPrefix(one, "unix://") && n.RunDir != "":
			own = append(own, "unix://"+defaultSocket(n.RunDir))
		case strings.HasPrefix(one, "https://") && n.Users != "":
			own = append(own, strings.Replace(one, address.String(), n.Bind.Addr().String(), 1))
		case strings.HasPrefix(one, "unix://"), strings.HasPrefix(one, "http://"):
			own = append(own, one)
		}
	}
	return own
}

// Networks is how many heartbeat networks the text names; one if it does not say.
func (d *Document) Networks() int { return max(1, len(d.binds())) }

// binds is cluster.bind, as it is written.
func (d *Document) binds() (list []string) {
	var one string
	if !d.Get(&list, "cluster", "bind") && d.Get(&one, "cluster", "bind") {
		list = []string{one}
	}
	return list
}

// memberAt is the node whose text it is, by all its addresses: by the one that it
// gossips at if the text has another one, which something has overridden.
func (d *Document) memberAt(at netip.AddrPort) (p Peer) {
	for _, text := range d.binds() {
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
