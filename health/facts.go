package health

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// ErrNoInterface says that the machine has no interface of that name.
var ErrNoInterface = errors.New("no such interface")

// Facts are what the daemon needs to know of the machine. They hold for the
// moment in which they were gathered.
type Facts struct {
	// Kernel is the running kernel.
	Kernel Kernel
	// Interface is the name that was asked for, Index its number.
	Interface string
	Index     int
	// MAC is the interface's Ethernet address; zero if it is no Ethernet.
	MAC config.MAC
	// MTU is the longest IP packet that the interface takes, in bytes.
	MTU int
	// Driver is the driver's name, as ethtool gives it; it may be empty.
	Driver string
	// Queues is the number of receive queues in use, at least 1.
	Queues int
	// Up tells whether the interface is administratively up.
	Up bool
	// IPv4 tells whether it has an IPv4 address, LinkLocal whether it has a
	// link-local IPv6 address.
	IPv4, LinkLocal bool
	// Networks are those that its addresses are in, each once.
	Networks []netip.Prefix
	// LRO tells whether the card joins packets before the kernel sees them.
	LRO bool
	// GROHW tells whether the card joins packets so that they can be told apart again.
	GROHW bool
	// Joined are the interfaces below this one, a bridge's ports and the like, on which
	// the kernel joins packets (GRO) before they come to this one.
	Joined []string
	// HiddenVLANs are devices for VLANs on top of the interface, where the card takes
	// their tags off before the kernel program sees the frames.
	HiddenVLANs []string
	// MissingRights are the capabilities that the daemon needs and this process
	// does not have.
	MissingRights []string
	// SysctlsWritable tells whether /proc/sys/net can be written.
	SysctlsWritable bool
	// SYNCookies is the value of net.ipv4.tcp_syncookies; empty if unknown.
	SYNCookies string
	// PageSize is the kernel's page size in bytes.
	PageSize int
}

// Inspect looks at the machine and at one interface. It needs no rights, and
// changes nothing. The error is ErrNoInterface, naming the nearest that exist,
// or says what could not be looked at.
func Inspect(ifname string) (Facts, error) {
	f := Facts{Interface: ifname, PageSize: os.Getpagesize()}
	if err := f.inspectInterface(); err != nil {
		return Facts{}, err
	}
	var err error
	if f.Kernel, err = runningKernel(); err != nil {
		return Facts{}, err
	}
	if f.MissingRights, err = missingRights(); err != nil {
		return Facts{}, err
	}
	f.SysctlsWritable = unix.Access(filepath.Join(procSys, "net/ipv4/conf", ifname, "arp_ignore"), unix.W_OK) == nil
	f.SYNCookies, err = sysctl("net/ipv4/tcp_syncookies")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Facts{}, fmt.Errorf("inspect the machine: %w", err)
	}
	return f, nil
}

func (f *Facts) inspectInterface() error {
	l, err := netlink.LinkByName(f.Interface)
	if isNoLink(err) {
		return noInterface(f.Interface)
	}
	if err != nil {
		return fmt.Errorf("inspect interface %s: %w", f.Interface, err)
	}
	a := l.Attrs()
	d, err := askDriver(f.Interface)
	if err != nil {
		return err
	}
	addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("inspect interface %s: list addresses: %w", f.Interface, err)
	}
	for _, have := range addrs {
		four := have.IP.To4() != nil
		f.IPv4 = f.IPv4 || four
		f.LinkLocal = f.LinkLocal || !four && have.IP.IsLinkLocalUnicast()
		f.addNetwork(have.IPNet)
	}
	f.Index, f.MTU, f.Up = a.Index, a.MTU, a.Flags&net.FlagUp != 0
	f.Driver, f.LRO, f.GROHW = d.name, d.lro, d.groHW
	if f.Joined, err = joinedBelow(l); err != nil {
		return fmt.Errorf("inspect interface %s: %w", f.Interface, err)
	}
	if d.rxVLAN {
		if f.HiddenVLANs, err = vlansOn(a.Index); err != nil {
			return fmt.Errorf("inspect interface %s: %w", f.Interface, err)
		}
	}
	f.Queues = max(1, a.NumRxQueues)
	if d.queues > 0 {
		f.Queues = d.queues
	}
	if a.EncapType == "ether" && len(a.HardwareAddr) == len(f.MAC) {
		copy(f.MAC[:], a.HardwareAddr)
	}
	return nil
}

// FindInterface tells whether the machine has an interface of that name: what is
// wrong, and the cure; nothing if it has one or nobody can tell.
func FindInterface(name string) (problem, cure string) {
	if _, err := netlink.LinkByName(name); !isNoLink(err) {
		return "", ""
	}
	names, err := interfaceNames()
	if err != nil {
		return "", ""
	}
	return fmt.Sprintf("this machine has no interface %q", name), suggest(name, names)
}

// noInterface makes the error for a name that no interface has.
func noInterface(name string) error {
	names, err := interfaceNames()
	if err != nil {
		return fmt.Errorf("interface %s: %w; list the others: %w", name, ErrNoInterface, err)
	}
	return fmt.Errorf("interface %s: %w; %s", name, ErrNoInterface, suggest(name, names))
}

// ownPair is the name of an end of a pair that farms make for themselves (xsk.Pair).
var ownPair = regexp.MustCompile(`^thr[0-9]+$`)

// interfaceNames lists the machine's interfaces in order, without loopback and what
// farms have made for themselves.
func interfaceNames() ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, l := range links {
		if own := l.Type() == "veth" && ownPair.MatchString(l.Attrs().Name); !own && l.Attrs().Flags&net.FlagLoopback == 0 {
			names = append(names, l.Attrs().Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// procSys is where the kernel shows its sysctls.
const procSys = "/proc/sys"

// sysctl reads one, by its path below procSys.
func sysctl(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(procSys, name))
	return strings.TrimSpace(string(b)), err
}

func isNoLink(err error) bool {
	var gone netlink.LinkNotFoundError
	return errors.As(err, &gone)
}
