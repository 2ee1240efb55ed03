package farm

import (
	"context"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// watch is what the kernel tells of this machine's network.
type watch struct {
	index, loopback int           // of the interface, and of lo
	carrier         chan bool     // whether the interface has one, each time that the kernel reports on it
	bell            chan struct{} // there may be something to look at
}

// watch has the kernel tell this machine's network: whether the interface has a
// carrier, in order, and by a bell that there may be more to look at. It goes on
// until ctx is done.
func (p *parts) watch(ctx context.Context) (*watch, error) {
	w := &watch{index: p.nic.Attrs().Index, carrier: make(chan bool), bell: make(chan struct{}, 1)}
	if lo, err := net.InterfaceByName("lo"); err == nil {
		w.loopback = lo.Index
	}
	sources := []func(context.Context) (<-chan struct{}, error){w.links, w.addresses}
	for _, source := range sources {
		ended, err := source(ctx)
		if err != nil {
			return nil, fmt.Errorf("watch interface %s: %w", p.cfg.Interface, err)
		}
		go w.keep(ctx, source, ended)
	}
	// Kernels without ethtool's netlink (CONFIG_ETHTOOL_NETLINK) tell nothing of
	// queues: they are noticed when the loop looks around.
	if ended, err := w.channels(ctx); err == nil {
		go w.keep(ctx, w.channels, ended)
	} else {
		p.log.Info("new receive queues are noticed within "+lookAround.String(), "why", err)
	}
	return w, nil
}

// ring wakes who listens to the bell.
func (w *watch) ring() {
	select {
	case w.bell <- struct{}{}:
	default: // it will look anyway
	}
}

// keep begins a source anew when it has ended, which it does when the kernel had
// more to tell than the socket takes: what was missed is looked for.
func (w *watch) keep(ctx context.Context, source func(context.Context) (<-chan struct{}, error), ended <-chan struct{}) {
	const pause = time.Second
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		next, err := source(ctx)
		if err != nil {
			continue // ended is closed still
		}
		ended = next
		w.ring()
	}
}

// links tells of the interface's own state.
func (w *watch) links(ctx context.Context) (<-chan struct{}, error) {
	updates := make(chan netlink.LinkUpdate)
	ctx, end := context.WithCancel(ctx)
	if err := netlink.LinkSubscribe(updates, ctx.Done()); err != nil {
		end()
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer end() // or the socket stays open: netlink closes it for that alone
		for u := range updates {
			a := u.Attrs()
			if a.Index != w.index {
				continue
			}
			w.ring()
			select {
			case w.carrier <- hasCarrier(a):
			case <-ctx.Done():
			}
		}
	}()
	return ended, nil
}

// hasCarrier tells whether an interface can send and receive. Some drivers never say.
func hasCarrier(a *netlink.LinkAttrs) bool {
	return a.OperState == netlink.OperUp || a.OperState == netlink.OperUnknown
}

// addresses tells of those of the interface, and of lo, where the VIPs are.
func (w *watch) addresses(ctx context.Context) (<-chan struct{}, error) {
	updates := make(chan netlink.AddrUpdate)
	ctx, end := context.WithCancel(ctx)
	if err := netlink.AddrSubscribe(updates, ctx.Done()); err != nil {
		end()
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer end() // as in links
		for u := range updates {
			if u.LinkIndex == w.index || u.LinkIndex == w.loopback {
				w.ring()
			}
		}
	}()
	return ended, nil
}

// channels tells when somebody has set the queues of an interface (ethtool -L):
// ETHTOOL_MSG_CHANNELS_NTF (linux, Documentation/networking/ethtool-netlink.rst).
func (w *watch) channels(ctx context.Context) (<-chan struct{}, error) {
	group, err := ethtoolMonitor()
	if err != nil {
		return nil, err
	}
	s, err := nl.Subscribe(unix.NETLINK_GENERIC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(group)); err != nil {
		s.Close()
		return nil, fmt.Errorf("join ethtool's notifications: %w", err)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, s.Close)
	go func() {
		defer close(ended)
		defer s.Close()
		defer stop()
		for {
			messages, _, err := s.Receive()
			if err != nil {
				return
			}
			if slices.ContainsFunc(messages, aboutChannels) {
				w.ring()
			}
		}
	}()
	return ended, nil
}

// aboutChannels reads the command of a generic netlink message, its first byte.
func aboutChannels(m syscall.NetlinkMessage) bool {
	return len(m.Data) > 0 && m.Data[0] == unix.ETHTOOL_MSG_CHANNELS_NTF
}

// ethtoolMonitor is the number of the group that ethtool's notifications go to.
func ethtoolMonitor() (uint32, error) {
	family, err := netlink.GenlFamilyGet(unix.ETHTOOL_GENL_NAME)
	if err != nil {
		return 0, fmt.Errorf("find ethtool's netlink: %w", err)
	}
	for _, g := range family.Groups {
		if g.Name == unix.ETHTOOL_MCGRP_MONITOR_NAME {
			return g.ID, nil
		}
	}
	return 0, fmt.Errorf("ethtool's netlink has no group %s", unix.ETHTOOL_MCGRP_MONITOR_NAME)
}
