package config

import (
	"net/netip"
	"strings"
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
