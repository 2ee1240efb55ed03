package config

import (
	"net"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v3"
)

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
// the member gossips. lost is what is left out, each with its key: the member has it at
// an address for which the newcomer has none.
func (n Newcomer) Adopt(text []byte, member netip.AddrPort) (adopted []byte, lost []string, err error) {
	d, err := ReadDocument(text)
	if err != nil {
		return nil, nil, err
	}
	var vips []any
	var join []string
	var iface string
	d.Get(&iface, "interface")
	d.Get(&join, "cluster", "join")
	from, to := d.memberAt(member), append(Peer{n.Bind}, n.Further...)
	join = withPeers(join, from, to)
	set := func(value any, path ...string) {
		if err == nil {
			err = d.Set(value, path...)
		}
	}
	set(n.Node, "node", "name")
	if !d.Get(&vips, "vips") || len(vips) > 0 {
		set(n.Interface, "interface")
	}
	set(to.bind(), "cluster", "bind")
	set(join, "cluster", "join")
	set(n.KeyFile, "cluster", "key_file")
	d.Delete("api", "tls")
	d.Delete("api", "oidc") // its secret and its redirect are the member's
	n.look(d, iface, move{from, to})
	if err == nil {
		lost, err = n.listenAt(d, move{from, to})
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
		return nil, nil, err
	}
	adopted, err = d.Text()
	return adopted, lost, err
}

// look has the newcomer's checks look at the newcomer where the member's look at the
// member: else it would serve for as long as the member's server answers. iface is the
// member's interface.
func (n Newcomer) look(d *Document, iface string, m move) {
	list := valueOf(d.doc.Content[0], "checks")
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, check := range list.Content {
		if check.Kind != yaml.MappingNode {
			continue
		}
		if at := valueOf(check, "target"); at != nil && at.Kind == yaml.ScalarNode {
			at.Value = m.target(at.Value)
		}
		if at := valueOf(check, "interface"); at != nil && at.Kind == yaml.ScalarNode && at.Value == iface && n.Interface != "" {
			at.Value = n.Interface
		}
	}
}

// listenAt has the newcomer listen where the member does, at its own address, and
// leaves out what it has no address for.
func (n Newcomer) listenAt(d *Document, m move) (lost []string, err error) {
	listen, lost := n.listen(d.texts("api", "listen"), m)
	if len(listen) > 0 {
		err = d.Set(listen, "api", "listen")
	} else {
		d.Delete("api", "listen")
	}
	var health string
	if err != nil || !d.Get(&health, "health_listen") {
		return lost, err
	}
	if own, ok := m.health(health); ok {
		return lost, d.Set(own, "health_listen")
	}
	d.Delete("health_listen")
	return append(lost, "health_listen "+health), nil
}

// listen is where the newcomer's API is, of what the member has in api.listen. A socket
// goes with the run directory.
func (n Newcomer) listen(member []string, m move) (own, lost []string) {
	for _, one := range member {
		rest, isHTTPS := strings.CutPrefix(one, "https://")
		switch {
		case strings.HasPrefix(one, "unix://") && n.RunDir != "":
			own = append(own, "unix://"+defaultSocket(n.RunDir))
		case isHTTPS && n.Users != "":
			at, err := apiAddress(rest)
			if to, ok := m.address(at.Addr()); err == nil && ok {
				own = append(own, "https://"+netip.AddrPortFrom(to, at.Port()).String())
			} else {
				lost = append(lost, "api.listen "+one)
			}
		case strings.HasPrefix(one, "unix://"), strings.HasPrefix(one, "http://"):
			own = append(own, one)
		}
	}
	return own, lost
}

// move is from a member's addresses to a newcomer's, one for each heartbeat network.
type move struct{ from, to Peer }

// address is the newcomer's where the member has addr; not ok if it has none.
func (m move) address(addr netip.Addr) (own netip.Addr, ok bool) {
	if addr.IsLoopback() || addr.IsUnspecified() { // every machine has it
		return addr, true
	}
	for i, at := range m.from[:min(len(m.from), len(m.to))] {
		if at.Addr().Unmap() == addr {
			return m.to[i].Addr(), true
		}
	}
	return netip.Addr{}, false
}

// health is health_listen of the newcomer; not ok if it has no such address.
func (m move) health(member string) (own string, ok bool) {
	at, err := netip.ParseAddrPort(member)
	if err != nil {
		return "", false
	}
	to, ok := m.address(at.Addr().Unmap())
	return netip.AddrPortFrom(to, at.Port()).String(), ok
}

// target is a check's target of the newcomer: an address, one with a port, or a URL.
func (m move) target(member string) string {
	scheme, rest, isURL := strings.Cut(member, "://")
	if !isURL {
		scheme, rest = "", member
	}
	place, path, hasPath := strings.Cut(rest, "/")
	host, port, err := net.SplitHostPort(place)
	if err != nil {
		host, port = trimBrackets(place), ""
	}
	addr, err := netip.ParseAddr(host)
	to, ok := m.address(addr.Unmap())
	if err != nil || !ok || to == addr {
		return member
	}
	own := to.String()
	switch {
	case port != "":
		own = net.JoinHostPort(own, port)
	case to.Is6() && isURL:
		own = "[" + own + "]"
	}
	if isURL {
		own = scheme + "://" + own
	}
	if hasPath {
		own += "/" + path
	}
	return own
}
