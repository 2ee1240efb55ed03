package engine

import (
	"context"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"github.com/vishvananda/netlink"

	"thresher/perf/lab"
)

type prog = *ebpf.Program

// startKernel leaves everything to the stack.
func startKernel(_ context.Context, b *Testbed, _ Setup) error { return b.addVIPs() }

// bare attaches one of the bare programs, as native XDP.
func bare(pick func(*bareObjects) prog) func(context.Context, *Testbed, Setup) error {
	return func(_ context.Context, b *Testbed, _ Setup) error {
		o, err := b.loadBare(nil)
		if err != nil {
			return err
		}
		if err := b.addVIPs(); err != nil {
			return err
		}
		b.hasXDP = true
		b.dropsAll = pick(o) == o.Drop
		return b.Node.Do(func() error { return b.attach(pick(o)) })
	}
}

// loadBare loads the bare programs with these constants, for as long as the testbed.
func (b *Testbed) loadBare(constants map[string]any) (*bareObjects, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lift the memory lock limit: run as root: %w", err)
	}
	spec, err := loadBare()
	if err != nil {
		return nil, fmt.Errorf("read the bare programs: %w", err)
	}
	for name, value := range constants {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("configure the bare programs: %w", err)
		}
	}
	o := &bareObjects{}
	if err := spec.LoadAndAssign(o, nil); err != nil {
		return nil, fmt.Errorf("load the bare programs: %w", err)
	}
	b.OnClose(o.Close)
	return o, nil
}

// attach attaches an XDP program to the node's interface. It is to be called inside
// the node.
func (b *Testbed) attach(p prog) error { return b.attachTo(lab.Interface, p) }

// attachTo is to be called inside the machine that has the interface.
func (b *Testbed) attachTo(name string, p prog) error {
	nic, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	l, err := link.AttachXDP(link.XDPOptions{
		Program: p, Interface: nic.Attrs().Index, Flags: link.XDPDriverMode,
	})
	if err != nil {
		return fmt.Errorf("attach a bare program: %w", err)
	}
	b.OnClose(l.Close)
	return nil
}

// XDPProgram opens the XDP program that is attached to the node's interface,
// whoever attached it, to be run apart from traffic. The caller closes it.
func (b *Testbed) XDPProgram() (*ebpf.Program, error) {
	var p *ebpf.Program
	err := b.Node.Do(func() error {
		nic, err := netlink.LinkByName(lab.Interface)
		if err != nil {
			return fmt.Errorf("find the node's interface: %w", err)
		}
		xdp := nic.Attrs().Xdp
		if xdp == nil || !xdp.Attached {
			return fmt.Errorf("there is no XDP program on the node's interface")
		}
		p, err = ebpf.NewProgramFromID(ebpf.ProgramID(xdp.ProgId))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the node's XDP program: %w", err)
	}
	return p, nil
}
