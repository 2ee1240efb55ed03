package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// maxName is how long a node's or rule's name may be: a DNS label's length
// (RFC 1035, 2.3.4), so that a host name's first label always fits.
const maxName = 63

// maxInterfaceName is IFNAMSIZ without its terminating NUL (linux/if.h).
const maxInterfaceName = 15

// validate converts what was decoded, in the order of the schema, and records
// every problem. The result is only of use if there are none.
func (p *problems) validate(raw rawConfig) *Config {
	c := &Config{Node: p.nodeName(raw.Node.Name), Life: p.life(raw.Node)}
	if raw.withoutVIPs() {
		p.refuseWithoutVIPs()
	} else {
		c.Interface = p.interfaceName(raw.Interface)
		c.VIPs = p.vips(raw.VIPs)
	}
	c.Default = readEnum(p, defaults, "default", raw.Default)
	c.Datapath = p.datapath(raw.Datapath)
	c.RunDir = p.directory("run_dir", raw.RunDir)
	c.StateDir = p.directory("state_dir", raw.StateDir)
	if !raw.withoutVIPs() {
		c.Rules = p.rules(raw.Rules, c.VIPs)
	}
	c.Cluster = p.cluster(raw.Cluster, c.VIPs)
	c.Services = p.services(raw.Services, c.Rules)
	c.Checks = p.checks(raw.Checks, c)
	c.Notify = p.notify(raw.Notify)
	c.HealthListen = p.healthListen("health_listen", raw.Health)
	c.API = p.api(raw.API, c)
	return c
}

func (p *problems) nodeName(name string) string {
	if name == "" && !p.written("node.name") {
		p.addMissing("node.name", "this machine has no host name, so give the node a name")
		return ""
	}
	return p.name("node.name", name)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// name checks the name of a node or rule: it stands in file names, metrics and
// on command lines.
func (p *problems) name(path, name string) string {
	const cure = "use letters, digits, dots, dashes and underscores, beginning with a letter or digit"
	switch {
	case name == "":
		p.add(path, "is empty", cure)
	case len(name) > maxName:
		p.add(path, fmt.Sprintf("%q has %d characters", name, len(name)), fmt.Sprintf("use at most %d", maxName))
	case !nameForm.MatchString(name):
		p.add(path, fmt.Sprintf("%q has other characters than a name may have", name), cure)
	}
	return name
}

// interfaceName checks what the kernel checks (dev_valid_name in
// net/core/dev.c). Whether the interface exists is the host's check.
func (p *problems) interfaceName(name string) string {
	const path = "interface"
	switch {
	case name == "":
		p.addMissing(path, "name the network interface that the VIPs' packets arrive on, such as eth0")
	case len(name) > maxInterfaceName:
		p.add(path, fmt.Sprintf("%q has %d characters", name, len(name)),
			fmt.Sprintf("an interface name has at most %d", maxInterfaceName))
	case name == "." || name == ".." || strings.ContainsAny(name, "/:") || strings.ContainsFunc(name, unicode.IsSpace):
		p.add(path, fmt.Sprintf("%q is no interface name", name), "see `ip link` for the right ones")
	}
	return name
}

// directory checks a path that the daemon will make. It is absolute, since a
// daemon's working directory says nothing.
func (p *problems) directory(path, dir string) string {
	if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) {
		p.add(path, fmt.Sprintf("%q is no absolute path", dir), "begin it with a slash")
		return ""
	}
	return filepath.Clean(dir)
}

// maxQueues is as many receive queues as the kernel program can hand packets to
// (xsk.MaxQueues), and bounds the memory that is asked for.
const maxQueues = 256

func (p *problems) datapath(raw rawDatapath) Datapath {
	d := Datapath{
		Offload:  readEnum(p, offloads, "datapath.offload", raw.Offload),
		XDP:      readEnum(p, xdpModes, "datapath.xdp", raw.XDP),
		ZeroCopy: readEnum(p, zeroCopies, "datapath.zero_copy", raw.ZeroCopy),
		Queues:   p.queues(raw.Queues),
		Pin:      raw.Pin,
	}
	if d.XDP == XDPGeneric && d.ZeroCopy == ZeroCopyOn {
		p.add("datapath.zero_copy", "the generic XDP mode always copies", "use auto here, or native for datapath.xdp")
	}
	return d
}

func (p *problems) queues(value any) int {
	const path, cure = "datapath.queues", "use auto or a number from 1 to 256"
	if value == "auto" {
		return 0
	}
	n, ok := value.(int)
	if !ok {
		p.add(path, fmt.Sprintf("%q is no number of queues", fmt.Sprint(value)), cure)
	} else if n < 1 || n > maxQueues {
		p.add(path, fmt.Sprintf("%d queues are out of range", n), cure)
	}
	return n
}
