package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/console/bundle"
)

// logLines is how much of the daemon's log is reported, as journalctl takes it.
const logLines = "2000"

// sysctls are those that what becomes of a packet may hang by, as patterns below
// /proc/sys.
func sysctls() []string {
	return []string{
		"net/ipv4/conf/*/arp_ignore", "net/ipv4/conf/*/arp_announce", "net/ipv4/conf/*/arp_filter", "net/ipv4/conf/*/rp_filter",
		"net/ipv4/conf/*/accept_local", "net/ipv4/conf/*/forwarding", "net/ipv4/conf/*/force_igmp_version",
		"net/ipv4/ip_nonlocal_bind", "net/ipv4/ip_local_port_range", "net/ipv4/igmp_max_memberships",
		"net/ipv4/tcp_syncookies", "net/ipv4/tcp_max_syn_backlog", "net/ipv4/tcp_tw_reuse",
		"net/ipv6/conf/*/disable_ipv6", "net/ipv6/conf/*/accept_ra", "net/ipv6/conf/*/accept_dad", "net/ipv6/conf/*/forwarding",
		"net/core/somaxconn", "net/core/netdev_max_backlog", "net/core/netdev_budget", "net/core/rmem_max", "net/core/wmem_max", "net/core/bpf_jit_enable",
		"net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_tcp_loose",
		"kernel/unprivileged_bpf_disabled",
	}
}

// ofMachine gathers this machine's network, and the log of its daemons.
func (r *support) ofMachine(ctx context.Context) {
	for _, part := range []struct {
		name string
		look func() (string, error)
	}{
		{"addresses.txt", addressLines}, {"routes.txt", routeLines}, {"neighbours.txt", neighbourLines}, {"sysctls.txt", sysctlLines},
		{"log.txt", func() (string, error) { return logOf(ctx) }},
	} {
		text, err := part.look()
		if err != nil {
			r.problems = append(r.problems, part.name+": "+err.Error())
		}
		if text != "" { // also as far as it goes
			r.files = append(r.files, bundle.File{Name: part.name, Text: []byte(text)})
		}
	}
}

func addressLines() (string, error) {
	links, err := netlink.LinkList()
	var b strings.Builder
	for _, l := range links {
		a := l.Attrs()
		fmt.Fprintf(&b, "%d: %s %s mtu %d %v %v %v\n", a.Index, a.Name, l.Type(), a.MTU, a.OperState, a.Flags, a.HardwareAddr)
		addresses, problem := netlink.AddrList(l, netlink.FAMILY_ALL)
		err = errors.Join(err, problem)
		for _, one := range addresses {
			fmt.Fprintf(&b, "    %v scope %v flags %#x\n", one.IPNet, netlink.Scope(one.Scope), one.Flags)
		}
	}
	return b.String(), err
}

// routeLines has all tables, and the rules by which one is picked.
func routeLines() (string, error) {
	var b strings.Builder
	rules, err := netlink.RuleList(netlink.FAMILY_ALL)
	for _, r := range rules {
		fmt.Fprintf(&b, "%v\n", r)
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
		routes, problem := netlink.RouteListFiltered(family, all, netlink.RT_FILTER_TABLE)
		err = errors.Join(err, problem)
		for _, one := range routes {
			fmt.Fprintf(&b, "%v\n", one)
		}
	}
	return b.String(), err
}

func neighbourLines() (string, error) {
	all, err := netlink.NeighList(0, netlink.FAMILY_ALL)
	var b strings.Builder
	for _, n := range all {
		fmt.Fprintf(&b, "%v at %v on interface %d state %#x\n", n.IP, n.HardwareAddr, n.LinkIndex, n.State)
	}
	return b.String(), err
}

// sysctlLines has those that this kernel has.
func sysctlLines() (string, error) {
	var b strings.Builder
	var all error
	for _, pattern := range sysctls() {
		files, err := filepath.Glob(filepath.Join("/proc/sys", pattern))
		all = errors.Join(all, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			all = errors.Join(all, err)
			fmt.Fprintf(&b, "%s = %s\n", strings.TrimPrefix(file, "/proc/sys/"), bytes.TrimSpace(text))
		}
	}
	return b.String(), all
}

// logOf is what the daemons of this machine have said of late to systemd's journal, which
// has no copy of it elsewhere.
func logOf(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "journalctl", "--unit", "thresher", "--unit", "thresher@*", "--lines", logLines,
		"--no-pager", "--no-hostname", "--output", "short-iso-precise")
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("journalctl has no log of the daemon: %w %s; add the daemon's standard error by hand", err, bytes.TrimSpace(says.Bytes()))
	}
	return string(out), nil
}
