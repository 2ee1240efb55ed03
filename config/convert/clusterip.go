package convert

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"thresher/config"
)

// clusterIP converts iptables' CLUSTERIP target and Pacemaker's IPaddr2 clones,
// which are built upon it.
type clusterIP struct{ farm }

// ClusterIP converts the output of iptables-save with rules of target CLUSTERIP, or
// a Pacemaker configuration with a cloned IPaddr2: the CIB's XML, or what pcs or crm
// print.
func ClusterIP(in Input, o Options) (Result, error) {
	const want = "the output of iptables-save, `pcs resource config`, `crm configure show` or `cibadmin -Q`"
	if err := in.checkSize(want); err != nil {
		return Result{}, err
	}
	c := clusterIP{farm{in: in}}
	text := plainText(in.Data)
	var err error
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "<"):
		c.title = "Pacemaker's CIB"
		err = c.cib()
	case strings.Contains(text, "CLUSTERIP") && strings.Contains(text, "-j"):
		c.title = "iptables' CLUSTERIP rules"
		err = c.tables(text)
	case strings.Contains(text, "IPaddr2"):
		c.title = "Pacemaker's IPaddr2"
		err = c.shell(text)
	default:
		err = in.refuse(0, "has no CLUSTERIP rule and no IPaddr2", "give "+want)
	}
	if err != nil {
		return Result{}, err
	}
	return c.finish(o)
}

// counters begin each line of iptables-save -c.
var counters = regexp.MustCompile(`^\[\d+:\d+\]$`)

// tables reads lines of iptables-save.
func (c *clusterIP) tables(text string) error {
	for i, line := range strings.Split(text, "\n") {
		args := fields(line)
		if len(args) > 0 && counters.MatchString(args[0]) {
			args = args[1:]
		}
		if len(args) < 2 || args[0] != "-A" && args[0] != "-I" {
			continue
		}
		switch option(args, "-j", "--jump") {
		case "CLUSTERIP":
			if err := c.target(i+1, args); err != nil {
				return err
			}
		default:
			if option(args, "--cluster-total-nodes") != "" {
				c.note(i+1, "-m cluster", "left out: it marks packets for another rule; this page's rules must say what is served")
			}
		}
	}
	return nil
}

// fields splits a line as a shell would: at spaces, but not inside quotes.
func fields(line string) []string {
	var list []string
	var word strings.Builder
	quote, within := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, within = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\r'):
			if within {
				list = append(list, word.String())
			}
			word.Reset()
			within = false
		default:
			word.WriteRune(r)
			within = true
		}
	}
	if within {
		list = append(list, word.String())
	}
	return list
}

// option is the word behind the first of some options; empty if none is there.
func option(args []string, names ...string) string {
	for i, a := range args[:max(len(args)-1, 0)] {
		for _, name := range names {
			if a == name {
				return args[i+1]
			}
		}
	}
	return ""
}

// condition is one of those under which a line of iptables-save holds.
type condition struct {
	option, value string
	not           bool // the opposite
}

// conditions splits a line into its options.
func conditions(args []string) (list []condition) {
	not := false
	for _, a := range args {
		last := len(list) - 1
		switch {
		case a == "!":
			not = true
			continue
		case strings.HasPrefix(a, "-") && (last < 0 || list[last].option != "--comment" || list[last].value != ""):
			list = append(list, condition{option: a, not: not})
		case last >= 0:
			list[last].value = strings.TrimSpace(list[last].value + " " + a)
			list[last].not = list[last].not || not // "--dport ! 80", as it used to be written
		}
		not = false
	}
	return list
}

// checkConditions takes the interface, notes what a rule of Thresher's does not ask for, and
// refuses what would become its opposite.
func (c *clusterIP) checkConditions(line int, args []string) error {
	for _, one := range conditions(args) {
		text := one.option + " " + one.value
		if one.not {
			text = "! " + text
		}
		switch one.option {
		case "-d", "--destination", "--dst", "-p", "--protocol", "--dport", "--dports", "--destination-port", "--destination-ports":
			if one.not {
				return c.in.refuse(line, fmt.Sprintf("%q says what is not served", text), "write a line for each thing that is")
			}
		case "-i", "--in-interface":
			if one.not {
				c.note(line, text, "left out: VIPs are on one interface, which --interface names")
			} else {
				c.onInterface(line, text, one.value)
			}
		case "--ports":
			c.note(line, text, "a client's port does not count, the service's does")
		case "-A", "-I", "-m", "--match", "-j", "--jump", "--comment", "--new", "--hashmode", "--clustermac", "--total-nodes", "--local-node", "--hash-init":
		default:
			c.note(line, text, "left out: a rule holds for every client and packet; leave that to the firewall")
		}
	}
	return nil
}

// target reads one rule of target CLUSTERIP.
func (c *clusterIP) target(line int, args []string) error {
	addr := option(args, "-d", "--destination", "--dst")
	prefix, err := netip.ParsePrefix(addr)
	if err == nil && prefix.IsSingleIP() {
		addr = prefix.Addr().String()
	}
	vip, err := netip.ParseAddr(addr)
	if err != nil {
		return c.in.refuse(line, fmt.Sprintf("-d %q is no single address", addr), "a CLUSTERIP rule has one: is the line whole?")
	}
	if err := c.checkConditions(line, args); err != nil {
		return err
	}
	mode := ""
	if mac := option(args, "--clustermac"); mac != "" {
		mode = "multicast"
		c.note(line, "--clustermac "+mac, "the VIP gets a multicast address of its own: static ARP entries of routers must be changed; mode flood needs none")
	}
	if err := c.addVIP(line, addr, mode, ""); err != nil {
		return err
	}
	if n := option(args, "--total-nodes"); n != "" {
		c.note(line, "--total-nodes, --local-node, --hash-init", "shares follow who is there; nobody counts nodes by hand")
	}
	r := rule{line: line, VIP: []netip.Addr{vip}}
	if r.Affinity, err = c.hash(line, option(args, "--hashmode")); err != nil {
		return err
	}
	return c.protocols(line, args, r)
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// hash reads what of a client picks its node.
func (c *clusterIP) hash(line int, mode string) (string, error) {
	switch mode {
	case "sourceip", "":
		return "client", nil
	case "sourceip-sourceport":
		return "session", nil
	case "sourceip-sourceport-destport":
		c.note(line, mode, "the destination port does not count: affinity session spreads by the client's address and port")
		return "session", nil
	}
	return "", c.in.refuse(line, fmt.Sprintf("hash mode %q is not known", mode), "use sourceip, sourceip-sourceport or sourceip-sourceport-destport")
}

// protocols adds the rule for what the line holds for.
func (c *clusterIP) protocols(line int, args []string, r rule) error {
	list := []string{"tcp", "udp"}
	switch p := option(args, "-p", "--protocol"); p {
	case "tcp", "udp":
		list = []string{p}
	case "", "all":
	case "icmp", "1":
		c.note(line, "-p icmp", "one node answers echo requests to a VIP")
		return nil
	default:
		c.note(line, "-p "+p, "left out: rules are for tcp and udp")
		return nil
	}
	text := option(args, "--dport", "--dports", "--destination-port", "--destination-ports", "--ports")
	if text == "" {
		r.Ports, r.rest = allPorts, true
	} else if err := c.portList(line, text, &r); err != nil {
		return err
	}
	for _, r.Protocol = range list {
		if r.Name = r.Protocol + "-all"; !r.rest {
			r.Name = fmt.Sprintf("%s-%d", r.Protocol, r.Ports[0].First)
		}
		c.addRule(r)
	}
	return nil
}

// portList reads "80,443,8000:8010".
func (c *clusterIP) portList(line int, text string, r *rule) error {
	for _, part := range strings.Split(text, ",") {
		low, high, isRange := strings.Cut(part, ":")
		if !isRange {
			high = low
		}
		a, err1 := strconv.ParseUint(low, 10, 16)
		b, err2 := strconv.ParseUint(high, 10, 16)
		if err1 != nil || err2 != nil || b == 0 || a > b {
			return c.in.refuse(line, fmt.Sprintf("%q are no ports", part), "write numbers: names are not looked up")
		}
		r.Ports = append(r.Ports, config.PortRange{First: uint16(max(a, 1)), Last: uint16(b)})
	}
	return nil
}
