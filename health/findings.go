package health

import (
	"fmt"
	"slices"
	"strings"

	"thresher/config"
)

// Level says how bad a finding is.
type Level uint8

// The levels.
const (
	// LevelOK is as it should be.
	LevelOK Level = iota
	// LevelWarn lets the daemon run, but not at its best.
	LevelWarn
	// LevelError keeps the daemon from starting.
	LevelError
)

// String is "ok", "warn" or "error".
func (l Level) String() string {
	switch l {
	case LevelOK:
		return "ok"
	case LevelWarn:
		return "warn"
	case LevelError:
		return "error"
	}
	return "unknown"
}

// Finding is one judgement on the machine.
type Finding struct {
	Level Level
	// What was found.
	What string
	// Cure is what to do about it; empty at LevelOK.
	Cure string
}

// String is the finding in one line.
func (f Finding) String() string {
	if f.Cure == "" {
		return fmt.Sprintf("%v: %s", f.Level, f.What)
	}
	return fmt.Sprintf("%v: %s; %s", f.Level, f.What, f.Cure)
}

// Findings judges the facts, for a datapath whose XDP program is to be attached
// as xdp says. There is at least one finding for each thing that was looked at.
func (f Facts) Findings(xdp config.XDPMode) []Finding {
	list := []Finding{f.kernel(), f.rights(), f.ethernet(), f.up(), f.sysctls()}
	list = append(list, f.mtu(xdp)...)
	return append(list, f.lro(xdp), f.groHW(), f.vlans(), f.synCookies())
}

func ok(format string, args ...any) Finding {
	return Finding{Level: LevelOK, What: fmt.Sprintf(format, args...)}
}

func (f Facts) kernel() Finding {
	if !f.Kernel.AtLeast(6, 1) {
		return Finding{LevelError, "kernel " + f.Kernel.Release + " is too old", "use Linux 6.1 or later"}
	}
	return ok("kernel %s", f.Kernel.Release)
}

func (f Facts) rights() Finding {
	if len(f.MissingRights) > 0 {
		list := strings.Join(f.MissingRights, ", ")
		return Finding{LevelError, "rights missing: " + list, "run as root, or grant them (AmbientCapabilities= in the systemd unit)"}
	}
	return ok("rights to load programs and to change the network")
}

func (f Facts) ethernet() Finding {
	if f.MAC == (config.MAC{}) {
		return Finding{LevelError, f.Interface + " is no Ethernet interface", "name the interface that the VIPs' frames arrive on"}
	}
	name := f.Driver
	if name == "" {
		name = "unknown"
	}
	return ok("%s is %v, driver %s, receive queues: %d", f.Interface, f.MAC, name, f.Queues)
}

func (f Facts) up() Finding {
	if !f.Up {
		return Finding{LevelWarn, f.Interface + " is down: no frame arrives", "ip link set " + f.Interface + " up"}
	}
	return ok("%s is up", f.Interface)
}

// Addresses judges whether the interface has addresses of its own for the families
// of the VIPs.
func (f Facts) Addresses(vips []config.VIP) (list []Finding) {
	is4 := func(v config.VIP) bool { return v.Address.Is4() }
	is6 := func(v config.VIP) bool { return v.Address.Is6() }
	switch {
	case !slices.ContainsFunc(vips, is4):
	case !f.IPv4:
		list = append(list, Finding{LevelError, f.Interface + " has no IPv4 address of its own, which ARP for a VIP needs",
			"ip address add A.B.C.D/LEN dev " + f.Interface})
	default:
		list = append(list, ok("%s has an IPv4 address", f.Interface))
	}
	switch {
	case !slices.ContainsFunc(vips, is6):
	case !f.LinkLocal:
		list = append(list, Finding{LevelError,
			f.Interface + " has no link-local IPv6 address, without which this machine finds no neighbour to answer",
			fmt.Sprintf("sysctl net.ipv6.conf.%[1]s.disable_ipv6=0; ip link set %[1]s addrgenmode eui64; ip link set %[1]s up", f.Interface)})
	default:
		list = append(list, ok("%s has a link-local IPv6 address", f.Interface))
	}
	return list
}

func (f Facts) sysctls() Finding {
	if !f.SysctlsWritable {
		return Finding{LevelError, "/proc/sys/net cannot be written, so the kernel cannot be kept from answering ARP for a VIP",
			"run as root, with /proc/sys writable (ProtectKernelTunables=no in the systemd unit)"}
	}
	return ok("/proc/sys/net can be written")
}

func (f Facts) synCookies() Finding {
	if f.SYNCookies == "0" {
		return Finding{LevelWarn, "TCP SYN cookies are off: a flood of SYNs keeps clients out", "sysctl -w net.ipv4.tcp_syncookies=1"}
	}
	return ok("TCP SYN cookies are not off")
}
