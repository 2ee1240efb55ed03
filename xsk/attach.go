package xsk

import (
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// Attach hooks the program into the interface and returns the mode that was
// got. With config.XDPAuto, native is tried first, and why it failed is told
// through fallback, which may be nil. driver is the interface's, as ethtool
// names it. The hooks go with this process unless they are pinned (Pin).
func (p *Program) Attach(ifi *net.Interface, driver string, mode config.XDPMode, fallback func(error)) (config.XDPMode, error) {
	got, err := p.attachBest(ifi, driver, mode, fallback)
	if err != nil {
		err = errors.Join(err, p.hooks.Close())
		p.hooks = nil
		return 0, err
	}
	p.hooks.Mode = got
	return got, nil
}

func (p *Program) attachBest(ifi *net.Interface, driver string, mode config.XDPMode, fallback func(error)) (config.XDPMode, error) {
	p.hooks = &Hooks{}
	if mode != config.XDPGeneric {
		err := p.attachNative(ifi, driver)
		if err == nil {
			return config.XDPNative, nil
		}
		if mode == config.XDPNative || errors.Is(err, unix.EBUSY) {
			return 0, attachError(ifi, "native", err)
		}
		if fallback != nil {
			fallback(err)
		}
	}
	if err := p.attach(ifi, link.XDPGenericMode); err != nil {
		return 0, attachError(ifi, "generic", err)
	}
	return config.XDPGeneric, nil
}

// attachNative attaches to the driver, and on a veth, which decides too early
// whom a frame is for, the program that decides again.
func (p *Program) attachNative(ifi *net.Interface, driver string) error {
	if driver == "veth" {
		l, err := link.AttachTCX(link.TCXOptions{
			Interface: ifi.Index, Program: p.objects.Readdress, Attach: ebpf.AttachTCXIngress,
		})
		if err != nil {
			return fmt.Errorf("a veth needs a tcx program beside native XDP (Linux 6.6): %w", err)
		}
		p.hooks.tcx = l
	}
	return p.attach(ifi, link.XDPDriverMode)
}

func (p *Program) attach(ifi *net.Interface, flags link.XDPAttachFlags) error {
	l, err := link.AttachXDP(link.XDPOptions{Program: p.objects.Thresher, Interface: ifi.Index, Flags: flags})
	if err != nil {
		return err
	}
	p.hooks.xdp = l
	return nil
}

func attachError(ifi *net.Interface, mode string, err error) error {
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("attach XDP program to %s (%s): another XDP program is there: remove it with `ip link set dev %s xdp off`; "+
			"if it is another Thresher daemon's, have one daemon serve the VIPs and rules of both, or give this one another interface",
			ifi.Name, mode, ifi.Name)
	}
	return fmt.Errorf("attach XDP program to %s (%s): %w", ifi.Name, mode, err)
}
