package xsk

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
)

// MaxHalfOpen is how many half-open handshakes the program can know of: 4,096
// from each of 32 nodes (DESIGN §3).
const MaxHalfOpen = 32 * 4096

// Flow is a TCP flow to a VIP, or a UDP flow of a rule that forwards: the program
// does not tell the two apart.
type Flow struct{ Client, VIP netip.AddrPort }

// flowKey is struct flow_key (xsk/bpf/flows.h).
type flowKey struct {
	Client, VIP         [16]byte
	ClientPort, VIPPort [2]byte // as on the wire
}

func (f Flow) key() flowKey {
	port := func(p uint16) [2]byte { return [2]byte{byte(p >> 8), byte(p)} }
	return flowKey{
		Client: f.Client.Addr().As16(), VIP: f.VIP.Addr().As16(),
		ClientPort: port(f.Client.Port()), VIPPort: port(f.VIP.Port()),
	}
}

// SetHalfOpen makes flows the handshakes that other nodes have half done: where
// another node than the owner may have flows, the program lets none of them in.
// Flows that it knows already cost nothing. After an error it may know only
// some of them, and the next call makes up for it. One goroutine at a time.
func (p *Program) SetHalfOpen(flows []Flow) error {
	if len(flows) > MaxHalfOpen {
		return fmt.Errorf("set half-open handshakes: %d of them, at most %d", len(flows), MaxHalfOpen)
	}
	wanted := make(map[Flow]struct{}, len(flows))
	for _, f := range flows {
		wanted[f] = struct{}{}
	}
	for f := range p.halfOpen {
		if _, ok := wanted[f]; ok {
			continue
		}
		if err := p.objects.HalfOpen.Delete(f.key()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget a half-open handshake: %w", err)
		}
		delete(p.halfOpen, f)
	}
	for f := range wanted {
		if _, ok := p.halfOpen[f]; ok {
			continue
		}
		if err := p.objects.HalfOpen.Put(f.key(), uint8(1)); err != nil {
			return fmt.Errorf("add a half-open handshake: %w", err)
		}
		p.halfOpen[f] = struct{}{}
	}
	return nil
}

// SetTestFlow makes up what the program knows of a flow, in place of the
// kernel's sockets and of conntrack: a pipeline.FlowState for each. The program
// must have been loaded with Rules.TestFlows.
func (p *Program) SetTestFlow(f Flow, socket, entry uint8) error {
	if err := p.objects.TestFlows.Put(f.key(), uint32(socket)|uint32(entry)<<8); err != nil {
		return fmt.Errorf("make up a flow: %w", err)
	}
	return nil
}
