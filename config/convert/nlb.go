package convert

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// nlb converts what Windows prints of an NLB cluster. Names of fields are those of
// `nlb params`, of Get-NlbCluster, -ClusterVip, -ClusterNode, -ClusterPortRule and
// of the WMI class MicrosoftNLB_PortRuleEx.
type nlb struct {
	farm
	mode    string // of the VIPs
	options Options
}

// NLB converts the output of `nlb params`, or of Get-NlbCluster and its like.
func NLB(in Input, o Options) (Result, error) {
	const want = "the output of `nlb params`, or of Get-NlbCluster, Get-NlbClusterVip and Get-NlbClusterPortRule"
	if err := in.checkSize(want); err != nil {
		return Result{}, err
	}
	list := records(plainText(in.Data))
	if !isText(in.Data) || len(list) == 0 {
		return Result{}, in.refuse(0, "has no NLB settings", "give "+want)
	}
	n := nlb{farm: farm{in: in, title: "Microsoft NLB's settings"}, options: o}
	for _, r := range list {
		n.cluster(r)
	}
	for _, r := range list {
		if err := n.record(r); err != nil {
			return Result{}, err
		}
	}
	// NLB gives what no port rule names to the host of the highest priority.
	n.other = "single"
	return n.finish(o)
}

func isPortRule(r record) bool {
	return r.get("start", "startport") != "" && r.get("end", "endport") != ""
}

// cluster reads how the VIPs' frames reach every host.
func (n *nlb) cluster(r record) {
	mode := strings.ToLower(r.get("operationmode", "clustermode", "mode"))
	switch {
	case isPortRule(r):
		return
	case strings.HasPrefix(mode, "igmp"), enabled(r.get("igmpsupport")):
		n.mode = "igmp"
	case mode == "multicast", enabled(r.get("multicastsupportenable")):
		n.mode = "multicast"
	}
	if v := r.get("clusternetworkaddress", "clustermacaddress"); v != "" {
		n.note(r.line, "cluster MAC "+v, "clients and switches learn another one: static ARP entries of routers must be changed")
	}
	if p, t := r.get("alivemsgperiod"), r.get("alivemsgtolerance"); p != "" || t != "" {
		n.note(r.line, "AliveMsgPeriod, AliveMsgTolerance", "cluster.profile stands for all timings: fast notices a lost node within 0.7 s")
	}
}

func enabled(v string) bool {
	return strings.EqualFold(v, "enabled") || v == "1" || strings.EqualFold(v, "true")
}

func (n *nlb) record(r record) error {
	if isPortRule(r) {
		return n.portRule(r)
	}
	if err := n.addresses(r); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(r.get("dedicatedipaddress", "dedicatedipaddresses")); err == nil && !n.bind.IsValid() && !n.options.Bind.IsValid() {
		n.bind = a
		n.note(r.line, "DedicatedIPAddress "+a.String(), "taken for this node's own; the new machine may have another: give it by --bind")
	}
	return nil
}

// addresses reads a cluster's primary address, and additional ones.
func (n *nlb) addresses(r record) error {
	text := r.get("clusteripaddress")
	if text == "" && (r.get("subnetmask") != "" || r.get("clustername") != "") {
		text = r.get("ipaddress")
	}
	if text == "" {
		return nil
	}
	return n.addVIP(r.line, strings.Split(text, "/")[0], n.mode, "")
}

// portRule makes one rule for each protocol of a port rule.
func (n *nlb) portRule(r record) error {
	var out rule
	out.line = r.line
	if err := n.ports(r, &out); err != nil {
		return err
	}
	if len(out.Ports) == 0 {
		return nil
	}
	vip := r.get("vip", "ipaddress", "virtualipaddress", "virtualipaddr")
	if vip != "" && !strings.EqualFold(vip, "all") && vip != "255.255.255.255" {
		addr, err := netip.ParseAddr(vip)
		if err != nil {
			return n.in.refuse(r.line, fmt.Sprintf("port rule: %q is no IP address", vip), "is the line whole?")
		}
		out.VIP = []netip.Addr{addr}
	}
	if err := n.filtering(r, &out); err != nil {
		return err
	}
	protocols := []string{"tcp", "udp"}
	switch p := strings.ToLower(r.get("prot", "protocol")); p {
	case "both", "3", "":
	case "tcp", "1":
		protocols = protocols[:1]
	case "udp", "2":
		protocols = protocols[1:]
	default:
		return n.in.refuse(r.line, fmt.Sprintf("port rule: protocol %q is not known", p), "is the line whole?")
	}
	for _, p := range protocols {
		one := out
		if one.Protocol, one.Name = p, fmt.Sprintf("%s-%d", p, one.Ports[0].First); p == "udp" && one.Sticky != "" {
			one.Sticky = ""
			n.note(r.line, fmt.Sprintf("timeout of port rule %s", one.Name), "clients of a UDP rule do not stay with a node")
		}
		n.addRule(one)
	}
	return nil
}

func (n *nlb) ports(r record, out *rule) error {
	var ends [2]uint16
	for i, text := range []string{r.get("start", "startport"), r.get("end", "endport")} {
		v, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return n.in.refuse(r.line, fmt.Sprintf("port rule: %q is no port", text), "is the line whole?")
		}
		ends[i] = uint16(v)
	}
	if ends[0] > ends[1] {
		return n.in.refuse(r.line, fmt.Sprintf("port rule: %d is behind %d", ends[0], ends[1]), "is the line whole?")
	}
	if ends[1] == 0 {
		n.note(r.line, "port rule of port 0", "left out: no packet has it")
		return nil
	}
	out.Ports = ports{{First: max(ends[0], 1), Last: ends[1]}}
	return nil
}

// filtering reads who serves a port rule, and what of a client picks its host.
func (n *nlb) filtering(r record, out *rule) error {
	mode := strings.ToLower(r.get("mode", "filteringmode"))
	switch {
	case strings.HasPrefix(mode, "disable"), mode == "3", mode == "none":
		out.Mode = "block"
		return nil
	case strings.HasPrefix(mode, "single"), mode == "1":
		out.Mode = "single"
		return n.count(r, "priority", 100, &out.Priority, "pri", "priority", "handlingpriority")
	case strings.HasPrefix(mode, "multiple"), mode == "2", mode == "":
	default:
		return n.in.refuse(r.line, fmt.Sprintf("port rule: mode %q is not known", mode), "is the line whole?")
	}
	if load := strings.ToLower(r.get("load", "loadweight")); load != "" && !strings.HasPrefix(load, "eq") && !enabled(r.get("equalload")) {
		if err := n.count(r, "load", 100, &out.Weight, "load", "loadweight"); err != nil {
			return err
		}
	}
	switch a := strings.ToLower(r.get("affinity")); {
	case strings.HasPrefix(a, "n") && a != "network" && a != "net", a == "0":
		out.Affinity = "session"
	case a == "network", a == "net", a == "c", a == "class c", a == "2":
		out.Affinity = "network"
	case a == "", strings.HasPrefix(a, "s"), a == "1":
		out.Affinity = "client"
	default:
		return n.in.refuse(r.line, fmt.Sprintf("port rule: affinity %q is not known", a), "is the line whole?")
	}
	return n.timeout(r, out)
}

// timeout reads extended affinity, which is in minutes (MicrosoftNLB_PortRuleEx).
func (n *nlb) timeout(r record, out *rule) error {
	var minutes *int
	if err := n.count(r, "timeout", 240, &minutes, "timeout", "clientstickinesstimeout"); err != nil || minutes == nil || *minutes == 0 {
		return err
	}
	if out.Affinity == "session" {
		n.note(r.line, "timeout of a port rule without affinity", "each connection is placed by itself")
		return nil
	}
	out.Sticky = durationText(time.Duration(*minutes) * time.Minute)
	return nil
}

// count reads a number of 0 to most, if it is there.
func (n *nlb) count(r record, what string, most int, into **int, keys ...string) error {
	text := r.get(keys...)
	if text == "" || strings.EqualFold(text, "n/a") {
		return nil
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 || v > most {
		return n.in.refuse(r.line, fmt.Sprintf("port rule: %s %q is none", what, text), fmt.Sprintf("it has 0 to %d", most))
	}
	*into = &v
	return nil
}
