package xsk

import (
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"thresher/config"
)

// Program is the XDP program in the kernel, with its maps.
type Program struct {
	objects bpfObjects
	link    link.Link
}

// LoadProgram puts the program into the kernel; it is attached to nothing yet
// and knows no VIP.
func LoadProgram(nic config.MAC) (*Program, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lift the memory lock limit (RLIMIT_MEMLOCK): run as root or with CAP_SYS_RESOURCE: %w", err)
	}
	p := &Program{}
	if err := loadBpfObjects(&p.objects, nil); err != nil {
		var verifier *ebpf.VerifierError
		if errors.As(err, &verifier) {
			return nil, fmt.Errorf("load the XDP program: the kernel's verifier refused it, please report this: %+v", verifier)
		}
		return nil, fmt.Errorf("load the XDP program: %w", err)
	}
	if err := p.objects.Nic.Set(bpfMac{Addr: nic}); err != nil {
		return nil, errors.Join(fmt.Errorf("tell the XDP program the interface's address: %w", err), p.Close())
	}
	return p, nil
}

// Attach hooks the program into the interface and returns the mode that was
// got. With config.XDPAuto, native is tried first and why it failed is told
// through fallback, which may be nil.
func (p *Program) Attach(ifi *net.Interface, mode config.XDPMode, fallback func(error)) (config.XDPMode, error) {
	if mode != config.XDPGeneric {
		err := p.attach(ifi, link.XDPDriverMode)
		if err == nil {
			return config.XDPNative, nil
		}
		if mode == config.XDPNative || errors.Is(err, unixEBUSY) {
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

func (p *Program) attach(ifi *net.Interface, flags link.XDPAttachFlags) error {
	l, err := link.AttachXDP(link.XDPOptions{Program: p.objects.Thresher, Interface: ifi.Index, Flags: flags})
	if err != nil {
		return err
	}
	p.link = l
	return nil
}

func attachError(ifi *net.Interface, mode string, err error) error {
	if errors.Is(err, unixEBUSY) {
		return fmt.Errorf("attach XDP program to %s (%s): another XDP program is there: remove it with `ip link set dev %s xdp off`: %w",
			ifi.Name, mode, ifi.Name, err)
	}
	return fmt.Errorf("attach XDP program to %s (%s): %w", ifi.Name, mode, err)
}

// Register lets the program hand packets of q's queue to q.
func (p *Program) Register(q *Queue) error {
	if err := p.objects.Sockets.Put(uint32(q.options.Queue), uint32(q.rx.fd())); err != nil {
		return fmt.Errorf("register the socket of queue %d: %w", q.options.Queue, err)
	}
	return nil
}

// SetVIPs makes the program take the VIPs' traffic: to be called when every
// queue is registered. The program must know no VIP yet.
func (p *Program) SetVIPs(vips []config.VIP) error {
	for _, v := range vips {
		mac := bpfMac{Addr: v.MAC}
		if err := p.objects.Vmacs.Put(mac, uint8(1)); err != nil {
			return fmt.Errorf("tell the XDP program of VMAC %s: %w", v.MAC, err)
		}
		if err := p.objects.Vips.Put(v.Address.As4(), mac); err != nil {
			return fmt.Errorf("tell the XDP program of VIP %s: %w", v.Address, err)
		}
	}
	return nil
}

// AddCounters adds what the program counted to sum, by pipeline.Reason. sum must
// be as long as there are reasons.
func (p *Program) AddCounters(sum []uint64) error {
	perCPU := make([]uint64, ebpf.MustPossibleCPU())
	for reason := range p.objects.Counters.MaxEntries() {
		if err := p.objects.Counters.Lookup(reason, &perCPU); err != nil {
			return fmt.Errorf("read the XDP program's counters: %w", err)
		}
		for _, n := range perCPU {
			sum[reason] += n
		}
	}
	return nil
}

// Close detaches the program and removes it from the kernel.
func (p *Program) Close() error {
	var errs []error
	if p.link != nil {
		errs = append(errs, p.link.Close())
	}
	return errors.Join(append(errs, p.objects.Close())...)
}
