package xsk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Stack is the way of accepted frames into this machine's stack: a veth pair
// whose far end hands every frame to the interface's ingress, where it enters
// the stack as the interface's own. So the firewall, rp_filter and
// SO_BINDTODEVICE see the interface that the packet came in by.
type Stack struct {
	// In is the index of the end that frames are sent to.
	In   int
	pair Pair
}

// OpenStack makes the pair, with as many queues as are bound. The redirection is
// mirred's, not bpf_redirect's: only mirred's frames are left alone by generic
// XDP, which would send them round for ever (netif_receive_generic_xdp,
// net/core/dev.c). A pair of the interface that is there is one of an earlier run, and
// used again if it fits; that of another interface is an error.
func OpenStack(nic netlink.Link, queues int, names Pair) (*Stack, error) {
	attrs := nic.Attrs()
	if s, err := adoptStack(attrs, queues, names); s != nil || err != nil {
		return s, err
	}
	pair := &netlink.Veth{
		LinkAttrs:        stackAttrs(attrs, queues, names),
		PeerName:         names.Out(),
		PeerHardwareAddr: attrs.HardwareAddr,
		PeerNumTxQueues:  uint32(queues),
		PeerNumRxQueues:  uint32(queues),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return nil, fmt.Errorf("make the veth pair %s and %s: %w", names.In(), names.Out(), err)
	}
	s := &Stack{pair: names}
	if err := s.set(attrs.Index); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func stackAttrs(nic *netlink.LinkAttrs, queues int, names Pair) netlink.LinkAttrs {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = names.In()
	attrs.Group = uint32(nic.Index)
	attrs.MTU = nic.MTU
	attrs.NumTxQueues = queues
	attrs.NumRxQueues = queues
	return attrs
}

// set brings the pair up and makes its far end redirect to the interface.
func (s *Stack) set(nic int) error {
	for _, name := range []string{s.pair.In(), s.pair.Out()} {
		if err := quiet(name); err != nil {
			return err
		}
		l, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if name == s.pair.Out() {
			if err := redirectIngress(l.Attrs().Index, nic); err != nil {
				return fmt.Errorf("redirect %s to the interface: %w", name, err)
			}
		} else {
			s.In = l.Attrs().Index
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("bring %s up: %w", name, err)
		}
	}
	return nil
}

// quiet keeps the kernel from sending anything of its own over an end, since it
// would arrive as the interface's. Kernels without IPv6 have nothing to switch.
func quiet(name string) error {
	path := filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
	if err := os.WriteFile(path, []byte("1"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("switch IPv6 off on %s: %w", name, err)
	}
	return nil
}

// redirectIngress sends everything that comes in on one interface into another
// one's ingress. clsact and u32 are there on every kernel from 6.1 on.
func redirectIngress(from, to int) error {
	if err := netlink.QdiscAdd(&netlink.GenericQdisc{
		QdiscType: "clsact",
		QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: from,
			Handle:    netlink.MakeHandle(0xffff, 0),
			Parent:    netlink.HANDLE_CLSACT,
		},
	}); err != nil {
		return fmt.Errorf("add clsact: %w", err)
	}
	redirect := netlink.NewMirredAction(to)
	redirect.MirredAction = netlink.TCA_INGRESS_REDIR
	if err := netlink.FilterAdd(&netlink.U32{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: from,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Priority:  redirectPriority,
			Protocol:  unix.ETH_P_ALL,
		},
		Actions: []netlink.Action{redirect},
	}); err != nil {
		return fmt.Errorf("add the mirred redirection: %w", err)
	}
	return nil
}

// The order of the filters: the fence is asked before a frame goes on.
const (
	fencePriority    = 5
	redirectPriority = 10
)

// Fence has p's lease asked once more before a frame enters the stack: those that
// open a flow are dropped and counted as fenced when the lease is over, whoever
// judged them, and whenever. Fenced frames of the pipeline are counted twice, by
// the verdict that they had and here. The fence stands for as long as the pair.
func (s *Stack) Fence(p *Program) error {
	out, err := netlink.LinkByName(s.pair.Out())
	if err != nil {
		return fmt.Errorf("find %s: %w", s.pair.Out(), err)
	}
	if err := netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: out.Attrs().Index,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Priority:  fencePriority,
			Protocol:  unix.ETH_P_ALL,
		},
		Fd:           p.objects.Fence.FD(),
		Name:         bpfProgFence,
		DirectAction: true,
	}); err != nil {
		return fmt.Errorf("put the fence on %s: %w", s.pair.Out(), err)
	}
	return nil
}

// Close removes the pair, and with it everything that hangs on it.
func (s *Stack) Close() error {
	l, err := netlink.LinkByName(s.pair.In())
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", s.pair.In(), err)
	}
	if err := netlink.LinkDel(l); err != nil {
		return fmt.Errorf("remove %s: %w", s.pair.In(), err)
	}
	return nil
}

// MemoryFor returns how to cut packet memory for an interface's MTU, in bytes.
// Longer frames than fit the kernel program judges alone (Rules.SocketFrame).
func MemoryFor(mtu int) MemoryOptions {
	m := MemoryOptions{Frames: 4096, FrameSize: 2048}
	if mtu+frameOverhead > m.Longest() {
		m.FrameSize = 4096
	}
	return m
}

// Longest is how long a received frame is at most, in bytes.
func (m MemoryOptions) Longest() int { return m.FrameSize - Headroom }

// frameOverhead is an Ethernet header with two VLAN tags, in bytes.
const frameOverhead = 14 + 2*4
