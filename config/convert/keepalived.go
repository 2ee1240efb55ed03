package convert

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keepalived converts virtual servers. The farm's nodes are the real servers: the
// directors in front of them go.
type keepalived struct {
	farm
	root  *block
	reals []netip.Addr
}

// Keepalived converts keepalived.conf: its virtual_server blocks, and the addresses
// of its VRRP instances.
func Keepalived(in Input, o Options) (Result, error) {
	if err := in.checkSize("keepalived.conf"); err != nil {
		return Result{}, err
	}
	root, err := in.parseBlocks()
	if err != nil {
		return Result{}, err
	}
	k := keepalived{farm: farm{in: in, title: "keepalived.conf"}, root: root}
	servers := root.all("virtual_server")
	if len(servers) == 0 {
		return Result{}, in.refuse(0, "has no virtual_server", "only virtual servers have a counterpart; an address that VRRP moves needs no farm")
	}
	k.instances()
	if err := k.collect(servers); err != nil {
		return Result{}, err
	}
	for _, v := range servers {
		if err := k.virtualServer(v, o); err != nil {
			return Result{}, err
		}
	}
	k.peers(o.Bind)
	if o.Bind.IsValid() && !slices.Contains(k.reals, o.Bind) {
		k.note(0, "--bind "+o.Bind.String(), "is no real server of the file: weights are the default, and checks those of each virtual server's first")
	}
	return k.finish(o)
}

// peers makes the other real servers peers, but for those of the other IP family, which
// this node can't send to: they may be further addresses of the same machines.
func (k *keepalived) peers(own netip.Addr) {
	for _, a := range k.reals {
		switch {
		case a == own:
		case own.IsValid() && a.Is4() != own.Is4():
			k.note(0, "real_server "+a.String(), "left out of cluster.join: it is of the other IP family than this node's address for heartbeats")
		default:
			k.join = append(k.join, a)
		}
	}
}

// instances reads the interface of the VRRP instances; their addresses matter where
// a virtual server has them.
func (k *keepalived) instances() {
	for _, v := range k.root.all("vrrp_instance") {
		k.onInterface(v.line, "interface "+v.value("interface"), v.value("interface"))
		k.note(v.line, "vrrp_instance "+v.word(1), "every node has the VIP at the same time; there is no master and no backup")
		if list := v.all("virtual_routes", "virtual_rules"); len(list) > 0 {
			k.note(list[0].line, list[0].name(), "routes are not Thresher's: give them to the network's configuration")
		}
	}
	for _, b := range k.root.all("vrrp_script", "vrrp_sync_group", "static_ipaddress", "static_routes", "include", "bfd_instance") {
		k.note(b.line, strings.TrimSpace(b.name()+" "+b.word(1)), "left out")
	}
	if g := k.root.all("global_defs"); len(g) > 0 {
		k.note(g[0].line, "global_defs", "left out: who is told of events, and SNMP, are not part of it")
	}
}

// end is an address and a port of a virtual server.
type end struct {
	first, last netip.Addr
	port        uint16 // 0 for all
}

// ends reads what a virtual server serves: an address and a port, or a group of them.
func (k *keepalived) ends(v *block) ([]end, error) {
	switch v.word(1) {
	case "fwmark":
		k.note(v.line, "virtual_server fwmark "+v.word(2), "left out: write rules with the VIPs and ports that the firewall marks")
		return nil, nil
	case "group":
		for _, g := range k.root.all("virtual_server_group") {
			if g.word(1) == v.word(2) {
				return k.group(g)
			}
		}
		return nil, k.in.refuse(v.line, fmt.Sprintf("there is no virtual_server_group %q", v.word(2)), "include it in the file")
	}
	e, err := k.end(v.line, v.word(1), v.word(2))
	return []end{e}, err
}

func (k *keepalived) group(g *block) ([]end, error) {
	var list []end
	for _, b := range g.body {
		if b.name() == "fwmark" {
			k.note(b.line, "fwmark "+b.word(1), "left out: write rules with the VIPs and ports that the firewall marks")
			continue
		}
		e, err := k.end(b.line, b.name(), b.word(1))
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// end reads "192.0.2.1" or "192.0.2.1-5", and a port.
func (k *keepalived) end(line int, text, port string) (end, error) {
	var e end
	base, last, isRange := strings.Cut(text, "-")
	addr, err := netip.ParseAddr(base)
	if err != nil {
		return e, k.in.refuse(line, fmt.Sprintf("%q is no IP address", base), "write the address itself")
	}
	e.first, e.last = addr, addr
	if isRange {
		n, err := strconv.ParseUint(last, 10, 8)
		b := addr.AsSlice()
		if err != nil || byte(n) < b[len(b)-1] {
			return e, k.in.refuse(line, fmt.Sprintf("%q is no range of addresses", text), "write it as in 192.0.2.1-5")
		}
		b[len(b)-1] = byte(n)
		e.last, _ = netip.AddrFromSlice(b)
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return e, k.in.refuse(line, fmt.Sprintf("%q is no port", port), "write it as in `virtual_server 192.0.2.1 80`")
		}
		e.port = uint16(n)
	}
	return e, nil
}

func (k *keepalived) virtualServer(v *block, o Options) error {
	ends, err := k.ends(v)
	if err != nil {
		return err
	}
	r := rule{line: v.line, Protocol: strings.ToLower(cmp.Or(v.value("protocol"), "tcp"))}
	if r.Protocol != "tcp" && r.Protocol != "udp" {
		k.note(v.line, "virtual server of protocol "+r.Protocol, "left out: rules are for tcp and udp")
		return nil
	}
	if err := k.spread(v, &r); err != nil {
		return err
	}
	own, err := k.realServers(v, &r, o)
	if err != nil {
		return err
	}
	k.left(v)
	var names []string
	for _, e := range ends {
		one := r
		if one.Ports = (ports{{First: e.port, Last: e.port}}); e.port == 0 {
			one.Ports, one.rest = allPorts, true
		}
		for addr := e.first; ; addr = addr.Next() {
			if err := k.addVIP(v.line, addr.String(), "", ""); err != nil {
				return err
			}
			if one.VIP = append(one.VIP, addr); addr == e.last {
				break
			}
		}
		if one.Name = fmt.Sprintf("%s-%d", one.Protocol, e.port); one.rest {
			one.Name = one.Protocol + "-all"
		}
		k.addRule(one)
		names = append(names, k.rules[len(k.rules)-1].Name)
	}
	if own != nil && len(names) > 0 {
		return k.realChecks(v, own, names, o)
	}
	return nil
}

// spread reads what of a client picks its server.
func (k *keepalived) spread(v *block, r *rule) error {
	algorithm := v.value("lb_algo", "lvs_sched")
	r.Affinity = "session"
	switch algorithm {
	case "sh", "dh", "lblc", "lblcr":
		r.Affinity = "client"
	case "lc", "wlc", "sed", "nq", "fo", "ovf":
		k.note(v.line, "lb_algo "+algorithm, "nobody counts the connections of all nodes: clients are spread by a hash, in the proportion of the weights")
	}
	if v.all("ops", "persistence_engine") != nil {
		k.note(v.line, "ops, persistence_engine", "left out: affinity packet places each datagram by itself")
	}
	persistence := v.all("persistence_timeout")
	if len(persistence) == 0 {
		return nil
	}
	seconds, err := strconv.Atoi(cmp.Or(persistence[0].word(1), "360"))
	if err != nil || seconds < 1 {
		return k.in.refuse(persistence[0].line, fmt.Sprintf("persistence_timeout %q is none", persistence[0].word(1)), "it is in seconds, at least 1")
	}
	r.Affinity = "client"
	if r.Protocol == "tcp" {
		r.Sticky = durationText(min(time.Duration(min(seconds, 1<<20))*time.Second, 24*time.Hour))
	}
	if g := v.value("persistence_granularity"); g != "" {
		return k.granularity(persistence[0].line, g, r)
	}
	return nil
}

// granularity reads a netmask, or for IPv6 the length of a prefix.
func (k *keepalived) granularity(line int, text string, r *rule) error {
	if mask, err := netip.ParseAddr(text); err == nil && mask.Is4() {
		b := mask.As4()
		m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		if n := bits.LeadingZeros32(^m); n > 0 && m<<n == 0 {
			r.Affinity, r.Prefix = "network", &prefix{V4: n}
			return nil
		}
	} else if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= 128 {
		r.Affinity, r.Prefix = "network", &prefix{V6: n}
		return nil
	}
	return k.in.refuse(line, fmt.Sprintf("persistence_granularity %q is no netmask", text), "write it as in 255.255.255.0, for IPv6 as in 64")
}

// collect reads the nodes: the real servers of all virtual servers.
func (k *keepalived) collect(servers []*block) error {
	for _, v := range servers {
		for _, s := range v.all("real_server") {
			addr, err := netip.ParseAddr(s.word(1))
			if err != nil {
				return k.in.refuse(s.line, fmt.Sprintf("real_server: %q is no IP address", s.word(1)), "write the address itself")
			}
			if !slices.Contains(k.reals, addr) {
				k.reals = append(k.reals, addr)
			}
		}
	}
	return nil
}

// realServers reads this node's weight, and returns the block that is this node's; the
// first where the file does not tell which is; none where it is other virtual servers'.
func (k *keepalived) realServers(v *block, r *rule, o Options) (*block, error) {
	var own *block
	most := 1
	list := v.all("real_server")
	for _, s := range list {
		w, err := k.weight(s)
		if err != nil {
			return nil, err
		}
		most = max(most, w)
		if addr, _ := netip.ParseAddr(s.word(1)); addr == o.Bind { // collect has read it
			own = s
		}
		if p := s.word(2); p != "" && p != "0" && v.word(1) != "group" && p != v.word(2) {
			k.note(s.line, "real_server port "+p, "ports are not translated: the service must listen on the VIP's port "+v.word(2))
		}
	}
	if own != nil {
		if w, _ := k.weight(own); w != most {
			r.Weight = number((w*100 + most/2) / most)
		}
		return own, nil
	}
	return k.notThisNodes(v, r, list, o), nil
}

// notThisNodes says what this node has of a virtual server none of whose real servers has
// its address, and returns the block whose checks are to be its own, if any.
func (k *keepalived) notThisNodes(v *block, r *rule, list []*block, o Options) *block {
	if len(list) == 0 {
		return nil
	}
	if !slices.Contains(k.reals, o.Bind) {
		return list[0]
	}
	what := "virtual_server " + strings.Join(v.words[1:], " ")
	if slices.ContainsFunc(list, func(s *block) bool { addr, _ := netip.ParseAddr(s.word(1)); return addr.Is4() == o.Bind.Is4() }) {
		r.Weight = number(0)
		k.note(v.line, what, "does not have "+o.Bind.String()+" among its real servers: this node has weight 0, and no checks for it")
		return nil
	}
	k.note(v.line, what, "has real servers of the other IP family: which one this node is can't be told, so the weight is the default, and the checks are the first's")
	return list[0]
}

func (k *keepalived) weight(s *block) (int, error) {
	w, err := strconv.Atoi(cmp.Or(s.value("weight"), "1"))
	if err != nil || w < 0 || w > 65535 {
		return 0, k.in.refuse(s.line, fmt.Sprintf("real_server: weight %q is none", s.value("weight")), "it has 0 to 65535")
	}
	return w, nil
}

// left notes what of a virtual server has no counterpart.
func (k *keepalived) left(v *block) {
	if kind := v.value("lb_kind", "lvs_method"); kind == "NAT" || kind == "TUN" {
		k.note(v.line, "lb_kind "+kind, "every node takes the packets itself and answers the client directly: the nodes and the VIP are on one Ethernet segment, and the VIP is on every node")
	}
	why := map[string]string{
		"sorry_server":       "nobody serves where no node is up; give the last node a rule of mode single",
		"quorum":             "nodes serve for as long as one is there; cluster.partition: majority is about a split farm",
		"quorum_up":          "scripts at a change are the notifications' matter",
		"quorum_down":        "scripts at a change are the notifications' matter",
		"virtualhost":        "is part of a check of type http",
		"alpha":              "a node lets traffic in when its checks have a verdict",
		"omega":              "a node that stops drains",
		"ha_suspend":         "every node has the VIP",
		"hysteresis":         "left out",
		"smtp_alert":         "left out",
		"lb_algo_flags":      "left out",
		"net_mask":           "left out",
		"retry":              "",
		"delay_loop":         "",
		"protocol":           "",
		"real_server":        "",
		"lb_algo":            "",
		"lvs_sched":          "",
		"lb_kind":            "",
		"lvs_method":         "",
		"fall":               "",
		"connect_port":       "",
		"ops":                "",
		"warmup":             "left out",
		"delay_before_retry": "left out",
	}
	for _, b := range v.body {
		text, known := why[b.name()]
		if strings.HasPrefix(b.name(), "persistence_") || known && text == "" {
			continue
		}
		k.note(b.line, b.name(), cmp.Or(text, "is not known"))
	}
}
