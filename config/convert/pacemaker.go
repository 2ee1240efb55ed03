package convert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// address is an IPaddr2 resource.
type address struct {
	line   int
	name   string
	params map[string]string
}

// cib reads Pacemaker's XML: clones with an IPaddr2 in them.
func (c *clusterIP) cib() error {
	root, err := c.in.parseXML()
	if err != nil {
		return err
	}
	var cloned []*element
	for _, clone := range root.all("clone") {
		cloned = append(cloned, clone.all("primitive")...)
	}
	for _, p := range root.all("primitive") {
		if p.get("type") != "IPaddr2" {
			if slices.Contains(cloned, p) {
				c.note(p.line, "clone of "+p.get("id"), "Pacemaker may go on with it, or a service of the configuration")
			}
			continue
		}
		a := address{p.line, p.get("id"), map[string]string{}}
		for _, attributes := range p.all("instance_attributes") {
			for _, nv := range attributes.all("nvpair") {
				a.params[nv.get("name")] = nv.get("value")
			}
		}
		if err := c.resource(a, slices.Contains(cloned, p)); err != nil {
			return err
		}
	}
	return nil
}

// shell reads what pcs and crm print, or were told: a resource begins with a line
// that has IPaddr2 in it, and its parameters are the pairs up to the next one.
func (c *clusterIP) shell(text string) error {
	var list []address
	clones := map[string]bool{}
	open, inParameters := false, true
	for i, line := range strings.Split(text, "\n") {
		args := fields(strings.TrimSuffix(strings.TrimRight(line, " \t\r"), `\`))
		if len(args) == 0 {
			continue
		}
		switch kind := strings.ToLower(strings.TrimSuffix(args[0], ":")); {
		case strings.Contains(line, "IPaddr2"):
			list = append(list, address{i + 1, resourceName(args), map[string]string{}})
			open, inParameters = true, true
		case kind == "clone" && strings.HasSuffix(args[0], ":") && len(args) > 1: // pcs
			clones[strings.TrimSuffix(args[1], "-clone")] = true
			open = false
		case kind == "clone" && len(args) > 2: // crm
			clones[args[2]] = true
			open = false
		case slices.Contains([]string{"resource", "primitive", "group", "ms", "location", "order", "colocation", "property", "node"}, kind):
			open = false
		}
		if !open {
			continue
		}
		inParameters = c.parameters(list[len(list)-1], args, clones, inParameters)
	}
	for _, a := range list {
		if err := c.resource(a, clones[a.name]); err != nil {
			return err
		}
	}
	return nil
}

// resourceName is the name in `primitive NAME`, `pcs resource create NAME` and
// `Resource: NAME`.
func resourceName(args []string) string {
	for i, a := range args[:len(args)-1] {
		if slices.Contains([]string{"primitive", "create", "Resource:"}, a) {
			return args[i+1]
		}
	}
	return ""
}

// parameters takes the pairs of a line, but not those of operations and of meta
// attributes.
func (c *clusterIP) parameters(a address, args []string, clones map[string]bool, in bool) bool {
	for _, w := range args {
		switch strings.ToLower(strings.TrimSuffix(w, ":")) {
		case "params", "attributes":
			in = true
		case "op", "meta", "operations", "utilization":
			in = false
		case "clone":
			clones[a.name] = true
			in = false
		}
		key, value, ok := strings.Cut(w, "=")
		if strings.HasPrefix(key, "clone-") {
			clones[a.name] = true
		}
		if ok && in {
			a.params[strings.TrimLeft(key, "(")] = value
		}
	}
	return in
}

// resource makes a VIP, and rules for everything that comes to it, of a clone.
func (c *clusterIP) resource(a address, cloned bool) error {
	if !cloned {
		c.note(a.line, "IPaddr2 "+a.name, "left out: it is no clone, so one node has it; Pacemaker may go on with it")
		return nil
	}
	ip, err := netip.ParseAddr(a.params["ip"])
	if err != nil {
		return c.in.refuse(a.line, fmt.Sprintf("IPaddr2 %s: ip=%q is no IP address", a.name, a.params["ip"]), "write the address itself")
	}
	mode := ""
	if mac := a.params["mac"]; mac != "" {
		mode = "multicast"
		c.note(a.line, "mac="+mac, "the VIP gets an address of its own: static ARP entries of routers must be changed")
	}
	c.onInterface(a.line, "nic="+a.params["nic"], a.params["nic"])
	// IPaddr2's own default, up to June 2026.
	affinity, err := c.hash(a.line, first(a.params["clusterip_hash"], "sourceip-sourceport"))
	if err != nil {
		return err
	}
	c.note(a.line, "IPaddr2 "+a.name, "has no ports: two rules take all of them; name those that are served")
	if err := c.addVIP(a.line, ip.String(), mode, ""); err != nil {
		return err
	}
	for _, p := range []string{"tcp", "udp"} {
		c.addRule(rule{line: a.line, rest: true, Name: a.name + "-" + p, Protocol: p, Ports: allPorts, VIP: []netip.Addr{ip}, Affinity: affinity})
	}
	return nil
}
