package xsk

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"thresher/config"
	"thresher/internal/leftout"
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
)

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
	w.nic = w.setUp(t, "eth0", nodeIP)
	w.inClient(t, func() {
		w.far = w.setUp(t, "far", clientIP)
		wholeChecksums(t, "far")
		must(t, netlink.NeighAdd(&netlink.Neigh{
			LinkIndex: w.far.Attrs().Index, IP: vip.Address.AsSlice(),
			HardwareAddr: vip.MAC.HardwareAddr(), State: netlink.NUD_PERMANENT,
		}))
	})
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	must(t, netlink.AddrAdd(lo, &netlink.Addr{IPNet: &net.IPNet{IP: vip.Address.AsSlice(), Mask: net.CIDRMask(32, 32)}}))
	return w
}

func (w *wire) setUp(t testing.TB, name string, address netip.Prefix) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	must(t, netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{
		IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), 32),
	}}))
	must(t, netlink.LinkSetUp(l))
	return l
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

// rulesFor is a configuration of one VIP and no rule: with offload none, the
// program asks about every packet of it.
func rulesFor(nic config.MAC) *Rules {
	const multiplier = 0x9e3779b1
	r := &Rules{Offload: uint32(config.OffloadNone), Multiplier: multiplier, Vips: 1, MaxParts: 1}
	a := vip.Address.As4()
	addr := binary.LittleEndian.Uint32(a[:])
	slot := &r.Slots[addr*multiplier>>(32-12)]
	slot.Addr, slot.Number = addr, 1
	r.Vmacs[0] = binary.LittleEndian.Uint64(append(vip.MAC[:], 0, 0))
	r.Nic = binary.LittleEndian.Uint64(append(nic[:], 0, 0))
	for i := range r.Hashed {
		r.Hashed[i].Mask4, r.Hashed[i].Mask6 = math.MaxUint32, [2]uint64{math.MaxUint64, math.MaxUint64}
	}
	return r
}
