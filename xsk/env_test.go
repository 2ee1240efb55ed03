package xsk

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/internal/leftout"
	"thresher/pipeline"
)

// wire is two namespaces on one cable: a node, in which the test runs, and a
// client. Both vanish with the test.
type wire struct {
	node, client netns.NsHandle
	nic          netlink.Link // the node's end, "eth0"
	far          netlink.Link // the client's end, "eth0"
}

var (
	vip      = config.VIP{Address: netip.MustParseAddr("198.18.0.100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 198, 18, 0, 100}}
	nodeIP   = netip.MustParsePrefix("198.18.0.11/16")
	clientIP = netip.MustParsePrefix("198.18.1.1/16")

	vip6      = config.VIP{Address: netip.MustParseAddr("2001:db8:1::100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 0, 0, 1, 0}}
	nodeIP6   = netip.MustParsePrefix("2001:db8:1::b/64")
	clientIP6 = netip.MustParsePrefix("2001:db8:1::1/64")
)

// family is IPv4 or IPv6: a VIP and its client.
type family struct {
	name   string // of networks, as package net has them: "tcp" + name
	vip    config.VIP
	client netip.Addr
	silent netip.Addr // nobody's, of the client's network
	ip     int        // where raw sockets have the transport header
	raw    int        // the address family
}

var families = []family{
	{"4", vip, clientIP.Addr(), netip.MustParseAddr("198.18.1.77"), 20, unix.AF_INET},
	{"6", vip6, clientIP6.Addr(), netip.MustParseAddr("2001:db8:1::77"), 0, unix.AF_INET6},
}

// newWire leaves the calling goroutine in the node's namespace, on a thread that
// is thrown away with the test.
func newWire(t testing.TB, queues int) *wire {
	t.Helper()
	if os.Geteuid() != 0 {
		leftout.Skip(t, "network namespaces and AF_XDP sockets need root")
	}
	runtime.LockOSThread()
	w := &wire{client: newNamespace(t), node: newNamespace(t)}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.NumTxQueues, attrs.NumRxQueues = "eth0", queues, queues
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs, PeerName: "far", PeerNamespace: netlink.NsFd(w.client),
		PeerNumTxQueues: uint32(queues), PeerNumRxQueues: uint32(queues),
	}))
	w.nic = w.setUp(t, "eth0", nodeIP, nodeIP6)
	w.inClient(t, func() {
		w.far = w.setUp(t, "far", clientIP, clientIP6)
		wholeChecksums(t, "far")
		for _, f := range families {
			must(t, netlink.NeighAdd(&netlink.Neigh{
				LinkIndex: w.far.Attrs().Index, IP: f.vip.Address.AsSlice(),
				HardwareAddr: f.vip.MAC.HardwareAddr(), State: netlink.NUD_PERMANENT,
			}))
		}
	})
	// By IPv6 the node could ask only when its link-local address is there.
	must(t, netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: w.nic.Attrs().Index, IP: clientIP6.Addr().AsSlice(),
		HardwareAddr: w.far.Attrs().HardwareAddr, State: netlink.NUD_PERMANENT,
	}))
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	for _, f := range families {
		addAddress(t, lo, netip.PrefixFrom(f.vip.Address, f.vip.Address.BitLen()))
	}
	return w
}

func (w *wire) setUp(t testing.TB, name string, addresses ...netip.Prefix) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	for _, address := range addresses {
		addAddress(t, l, address)
	}
	must(t, netlink.LinkSetUp(l))
	return l
}

// addAddress gives a link an address that is there at once: IPv6 would first look
// for others that have it (RFC 4862 §5.4).
func addAddress(t testing.TB, l netlink.Link, address netip.Prefix) {
	t.Helper()
	a := &netlink.Addr{IPNet: &net.IPNet{
		IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), address.Addr().BitLen()),
	}}
	if address.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	must(t, netlink.AddrAdd(l, a))
}

// inClient runs f in the client's namespace.
func (w *wire) inClient(t testing.TB, f func()) {
	t.Helper()
	must(t, netns.Set(w.client))
	defer func() { must(t, netns.Set(w.node)) }()
	f()
}

// wholeChecksums makes the kernel write checksums itself: a veth leaves them to
// a far end that never comes when a frame is taken out of the kernel in between.
func wholeChecksums(t testing.TB, link string) {
	t.Helper()
	if out, err := exec.Command("ethtool", "-K", link, "tx", "off").CombinedOutput(); err != nil {
		t.Fatalf("ethtool: %v: %s", err, out)
	}
}

func newNamespace(t testing.TB) netns.NsHandle {
	t.Helper()
	ns, err := netns.New()
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	return ns
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *wire) nicMAC() config.MAC { return config.MAC(w.nic.Attrs().HardwareAddr) }

func (w *wire) netInterface() *net.Interface {
	a := w.nic.Attrs()
	return &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr}
}

// attach attaches the program to the node's interface and returns the mode. Where the
// kernel has no native XDP on a veth that lets a VMAC in (attach.go), the test is left
// out: it runs in generic mode, and the machines of perf/vm have another driver.
func attach(t testing.TB, w *wire, p *Program, mode config.XDPMode) config.XDPMode {
	t.Helper()
	got, err := p.Attach(w.netInterface(), "veth", mode, nil)
	if mode == config.XDPNative && errors.Is(err, ebpf.ErrNotSupported) {
		leftout.Skip(t, "native XDP on a veth needs tcx, of Linux 6.6")
	}
	must(t, err)
	return got
}

func setMTU(t testing.TB, w *wire, mtu int) {
	t.Helper()
	must(t, netlink.LinkSetMTU(w.nic, mtu))
	w.inClient(t, func() { must(t, netlink.LinkSetMTU(w.far, mtu)) })
}

func parseIP(t testing.TB, ip string) net.IP {
	t.Helper()
	a, err := netip.ParseAddr(ip)
	must(t, err)
	return a.AsSlice()
}

// rulesFor is a configuration of a VIP of each family and no rule: with offload none, the
// program asks about every packet of it.
func rulesFor(nic config.MAC) *Rules {
	const multiplier = 0x9e3779b1
	r := &Rules{Offload: uint32(config.OffloadNone), Multiplier: multiplier, Vips: 2, MaxParts: 1}
	a := vip.Address.As4()
	addr := binary.LittleEndian.Uint32(a[:])
	slot := &r.Slots[addr*multiplier>>(32-12)]
	slot.Addr, slot.Number = addr, 1
	r.Vmacs[0] = binary.LittleEndian.Uint64(append(vip.MAC[:], 0, 0))
	r.Multiplier6 = pipeline.VIPFold
	b := vip6.Address.As16()
	lo, hi := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	slot6 := &r.Slots6[pipeline.Fold6(lo, hi)*r.Multiplier6>>(64-10)]
	slot6.Lo, slot6.Hi, slot6.Number = lo, hi, 2
	r.Vmacs[1] = binary.LittleEndian.Uint64(append(vip6.MAC[:], 0, 0))
	r.Nic = binary.LittleEndian.Uint64(append(nic[:], 0, 0))
	for i := range r.Hashed {
		r.Hashed[i].Mask4, r.Hashed[i].Mask6 = math.MaxUint32, [2]uint64{math.MaxUint64, math.MaxUint64}
	}
	return r
}
