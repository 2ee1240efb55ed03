package snoop

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"thresher/config"
)

// Switch is what the ports of one switch know together.
type Switch struct {
	objects bpfObjects
	links   []link.Link
}

// New loads the programs. The caller closes the Switch.
func New() (*Switch, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("snoop: lift the memory lock limit: run as root: %w", err)
	}
	s := &Switch{}
	if err := loadBpfObjects(&s.objects, nil); err != nil {
		return nil, fmt.Errorf("snoop: load the programs: %w", err)
	}
	return s, nil
}

// Attach makes the interface with this index, in the calling thread's network
// namespace, one of the switch's ports. It needs Linux 6.6.
func (s *Switch) Attach(ifindex int) error {
	for _, one := range []struct {
		program *ebpf.Program
		at      ebpf.AttachType
	}{{s.objects.Learn, ebpf.AttachTCXIngress}, {s.objects.Forward, ebpf.AttachTCXEgress}} {
		l, err := link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: one.program, Attach: one.at})
		if err != nil {
			return fmt.Errorf("snoop: attach to port %d: %w", ifindex, err)
		}
		s.links = append(s.links, l)
	}
	return nil
}

// Ports returns the indices of the ports that want a group's frames.
func (s *Switch) Ports(group config.MAC) ([]int, error) {
	var ports []int
	var m bpfMember
	var one uint8
	all := s.objects.Members.Iterate()
	for all.Next(&m, &one) {
		if m.Mac == group {
			ports = append(ports, int(m.Port))
		}
	}
	if err := all.Err(); err != nil {
		return nil, fmt.Errorf("snoop: read the members: %w", err)
	}
	return ports, nil
}

// Close takes the programs off their ports.
func (s *Switch) Close() error {
	var errs []error
	for _, l := range s.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(append(errs, s.objects.Close())...)
}
