package lab

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// Delivery counts what the switch sends to a host for one Ethernet address, at the
// switch's port: before the host's XDP program can drop it.
type Delivery struct {
	tap
	tcp uint64 // guarded by the tap's lock
}

// Deliveries starts to count. The caller closes it; Close of the lab does too.
func (l *Lab) Deliveries(h *Host, to config.MAC) (*Delivery, error) {
	filter, err := bpf.Assemble(outgoingTo(to))
	if err != nil {
		return nil, fmt.Errorf("lab: count frames for %s: %w", h.Name, err)
	}
	d := &Delivery{}
	if err := d.openOn(l.Switch, h.Port, filter); err != nil {
		return nil, fmt.Errorf("lab: count frames for %s: %w", h.Name, err)
	}
	go d.read(headersLen, d.note)
	if err := l.Switch.own(d); err != nil {
		return nil, err
	}
	return d, nil
}

// headersLen is what a Delivery looks at: Ethernet and IPv4 without options.
const headersLen = 34

// outgoingTo lets in the beginnings of frames that leave for an Ethernet address.
func outgoingTo(to config.MAC) []bpf.Instruction {
	const outgoing = 4 // PACKET_OUTGOING, linux/if_packet.h
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: outgoing, SkipTrue: 5},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(to[:]), SkipTrue: 3},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(binary.BigEndian.Uint16(to[4:])), SkipTrue: 1},
		bpf.RetConstant{Val: headersLen},
		bpf.RetConstant{Val: 0},
	}
}

// note counts a frame, of which the beginning is there. The caller holds the lock.
func (d *Delivery) note(frame []byte) {
	if len(frame) == headersLen && binary.BigEndian.Uint16(frame[offType:]) == unix.ETH_P_IP && frame[23] == unix.IPPROTO_TCP {
		d.tcp++
	}
}

// Frames is how many there were so far.
func (d *Delivery) Frames() uint64 { return d.count() }

// TCP is how many of them were TCP segments in IPv4.
func (d *Delivery) TCP() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tcp
}
