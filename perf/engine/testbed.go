package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/perf/generator"
	"thresher/perf/lab"
)

// VIP is a shared address of a testbed.
type VIP = netip.Addr

const (
	// DiscardPort is a UDP port of the node whose datagrams are thrown away
	// by the socket's filter, after the whole way through the stack (RFC 863).
	DiscardPort = 9
	// rulePort is the first port of the numbered rules; each has portsPerRule.
	rulePort, portsPerRule = 1024, 8
)

// Testbed is a lab in which an engine is at work. It is for one goroutine.
type Testbed struct {
	// Lab is the lab.
	Lab *lab.Lab
	// Node is the machine under test.
	Node *lab.Node
	// Daemons are Thresher's, by node; none where another engine is at work.
	Daemons []*lab.Process

	setup Setup
	mac   func(VIP) config.MAC
	// hasXDP is set for an engine with an XDP program on the node's interface.
	hasXDP bool
	// dropsAll is set for an engine that never lets anything in.
	dropsAll bool
	// sunk counts the frames that the node has sent on; nil where no engine does.
	sunk   *ebpf.Map
	ask    func(context.Context, *Counts) error // what only the engine knows
	closer []func() error
}

// VIPs lists the shared addresses, the lab's own first.
func (b *Testbed) VIPs() []VIP {
	all := []VIP{lab.VIP()}
	for len(all) < b.setup.VIPs {
		all = append(all, all[len(all)-1].Next())
	}
	return all
}

// Ports are the UDP ports that the rules are for.
func (b *Testbed) Ports() config.PortRange {
	if b.setup.Rules == 0 {
		return config.PortRange{First: DiscardPort, Last: DiscardPort}
	}
	return rulePorts(0, b.setup.Rules)
}

// rulePorts are the ports of n numbered rules from the first-th on.
func rulePorts(first, n int) config.PortRange {
	return config.PortRange{
		First: uint16(rulePort + first*portsPerRule),
		Last:  uint16(rulePort + (first+n)*portsPerRule - 1),
	}
}

// Traffic is datagrams for all VIPs and rules from the clients.
func (b *Testbed) Traffic(clients netip.Prefix, ports config.PortRange) generator.Traffic {
	t := generator.Traffic{
		Protocol: generator.UDP, Ports: b.Ports(), Source: b.Lab.Clients[0].MAC, Clients: clients, ClientPorts: ports,
	}
	for _, vip := range b.VIPs() {
		t.VIPs = append(t.VIPs, generator.VIP{Address: vip, MAC: b.mac(vip)})
	}
	return t
}

// Generator sends the traffic to the node under test as if from its switch. The
// caller closes it before the testbed.
//
// A veth takes redirected frames only with an XDP program or with GRO, which
// gives it a NAPI context: so GRO is turned on where there is no program. And the
// daemons of the other nodes stay on the generator's CPU: see PinProcess.
func (b *Testbed) Generator(t generator.Traffic) (*generator.Generator, error) {
	if !b.hasXDP {
		if err := b.Node.SetOffloads(lab.Interface, lab.Offloads{GRO: true}); err != nil {
			return nil, err
		}
	}
	for _, other := range b.Daemons[min(1, len(b.Daemons)):] {
		if err := generator.PinProcess(other.Pid); err != nil {
			return nil, err
		}
	}
	var g *generator.Generator
	err := b.Lab.Switch.Do(func() error {
		port, err := netlink.LinkByName(b.Node.Port)
		if err != nil {
			return fmt.Errorf("find the node's port %s: %w", b.Node.Port, err)
		}
		g, err = generator.New(t, port.Attrs().Index)
		return err
	})
	return g, err
}

// addVIPs gives the VIPs to the node, as a single server would have them.
func (b *Testbed) addVIPs() error {
	return b.Node.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return fmt.Errorf("find lo: %w", err)
		}
		for _, vip := range b.VIPs() {
			addr, err := netlink.ParseAddr(vip.String() + "/32")
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(lo, addr); err != nil {
				return fmt.Errorf("give %s to the node: %w", vip, err)
			}
		}
		return nil
	})
}

// OnClose has Close call f; what was given last is called first.
func (b *Testbed) OnClose(f func() error) { b.closer = append(b.closer, f) }

// Close ends everything that runs in the testbed and removes it.
func (b *Testbed) Close() error {
	var errs []error
	for i := len(b.closer) - 1; i >= 0; i-- {
		errs = append(errs, b.closer[i]())
	}
	b.closer = nil
	return errors.Join(append(errs, b.Lab.Close())...)
}
