package lab

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"github.com/vishvananda/netlink"
)

// TakeXDP has the switch's ports of these hosts take what the hosts' own programs send
// back out (XDP_TX): a veth takes that only where it has a NAPI context, and a
// program gives it one (drivers/net/veth.c, veth_xdp_xmit). The frames themselves
// pass as they are. It lasts as long as the lab.
func (l *Lab) TakeXDP(hosts ...*Host) error {
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("lab: take frames of XDP_TX: %w", err)
	}
	pass, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.LoadImm(asm.R0, 2, asm.DWord), asm.Return()}, // XDP_PASS
	})
	if err != nil {
		return fmt.Errorf("lab: take frames of XDP_TX: %w", err)
	}
	defer pass.Close()
	return l.Switch.Do(func() error {
		for _, h := range hosts {
			port, err := netlink.LinkByName(h.Port)
			if err != nil {
				return fmt.Errorf("lab: find the switch's port of %s: %w", h.Name, err)
			}
			one, err := link.AttachXDP(link.XDPOptions{Program: pass, Interface: port.Attrs().Index, Flags: link.XDPDriverMode})
			if err != nil {
				return fmt.Errorf("lab: take frames of XDP_TX of %s: %w", h.Name, err)
			}
			if err := l.Switch.own(one); err != nil {
				return errors.Join(err, one.Close())
			}
		}
		return nil
	})
}
