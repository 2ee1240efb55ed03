package farm

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"thresher/config"
	"thresher/pipeline"
	"thresher/xsk"
)

// What the program and the pipeline are told beside rules and packets: the lease
// and the flows.

// madeUpFlows is how many flows the program can be told of in place of the
// kernel's sockets: more than frames of a farm.
const madeUpFlows = 1 << 18

// lease gives the program an hour, or nothing.
func (k *kernel) lease(good bool) {
	k.t.Helper()
	deadline := bootNow() - 1 // over
	if good {
		deadline = bootNow() + int64(time.Hour)
	} else if k.random.IntN(2) == 0 {
		deadline = 0
	}
	if err := k.program.SetLease(deadline); err != nil {
		k.t.Fatal(err)
	}
	k.good = good
}

// now is the lease as the pipeline is told of it.
func (k *kernel) now() pipeline.Lease {
	now := bootNow()
	l := pipeline.Lease{Now: now}
	if k.good {
		l.Deadline = now + 1
	}
	if k.granted {
		l.Grant = now + 1
	}
	return l
}

// madeUp is what the kernel's sockets and conntrack say of a flow.
type madeUp struct{ socket, entry pipeline.FlowState }

// entryStates are what conntrack can say.
var entryStates = []pipeline.FlowState{pipeline.FlowNone, pipeline.FlowKnown, pipeline.FlowTimeWait}

// of is what counts for a rule's packet: conntrack's entry, where the rule
// forwards, and else a TCP socket.
func (m madeUp) of(protocol config.Protocol, forward bool) pipeline.FlowState {
	if forward && m.entry != pipeline.FlowNone {
		return m.entry
	}
	if protocol == config.TCP {
		return m.socket
	}
	return pipeline.FlowNone
}

// facts makes up what is known of a frame's flow, and tells the program.
func (k *kernel) facts(frame []byte) (pipeline.Facts, error) {
	flow, protocol, ok := flowOf(frame)
	if !ok {
		return pipeline.Facts{}, nil
	}
	if _, known := k.flows[flow]; !known {
		k.flows[flow] = madeUp{
			socket: pipeline.FlowState(k.random.IntN(int(pipeline.FlowLen))),
			entry:  entryStates[k.random.IntN(len(entryStates))],
		}
		if err := k.tell(flow); err != nil {
			return pipeline.Facts{}, err
		}
	}
	if k.random.IntN(4) == 0 {
		k.halfOpen = flow
		if err := k.program.SetHalfOpen([]xsk.Flow{flow}); err != nil {
			return pipeline.Facts{}, err
		}
	}
	rule, ruled := k.table.Find(protocol, flow.VIP.Addr(), flow.VIP.Port())
	forward := ruled && k.rules[rule].Forward
	return pipeline.Facts{Flow: k.flows[flow].of(protocol, forward), HalfOpen: flow == k.halfOpen}, nil
}

func (k *kernel) tell(f xsk.Flow) error {
	if k.unheard {
		return nil
	}
	return k.program.SetTestFlow(f, uint8(k.flows[f].socket), uint8(k.flows[f].entry))
}

// flowOf reads a flow where a TCP or UDP packet has it.
func flowOf(frame []byte) (f xsk.Flow, protocol config.Protocol, ok bool) {
	client, vip, number, l4 := carriedIn(frame)
	protocol = config.Protocol(number)
	least := map[config.Protocol]int{config.TCP: 20, config.UDP: 8}[protocol]
	if least == 0 || len(l4) < least {
		return f, 0, false
	}
	return xsk.Flow{
		Client: netip.AddrPortFrom(client, binary.BigEndian.Uint16(l4)),
		VIP:    netip.AddrPortFrom(vip, binary.BigEndian.Uint16(l4[2:])),
	}, protocol, true
}

// carriedIn reads an IP packet's addresses and what it carries; that is empty if it
// cannot be told.
func carriedIn(frame []byte) (source, destination netip.Addr, protocol byte, l4 []byte) {
	if isIPv6(frame) {
		return carriedIn6(frame[14:])
	}
	if len(frame) < 34 || frame[14]&15 < 5 || len(frame) < 14+int(frame[14]&15)*4 {
		return source, destination, 0, nil
	}
	return netip.AddrFrom4([4]byte(frame[26:])), netip.AddrFrom4([4]byte(frame[30:])), frame[23], frame[14+int(frame[14]&15)*4:]
}

// TestOtherStateIsFound: nor must one that has another share, lease or knowledge
// of flows than the pipeline.
func TestOtherStateIsFound(t *testing.T) {
	vips, rules := randomFarm(rand.New(rand.NewPCG(1, 2)), 3, 20)
	share := randomShare(rand.New(rand.NewPCG(3, 4)), len(rules))
	type sets struct{ mine, ask, unsettled *xsk.BucketSet }
	reshare := func(change func(sets)) func(*kernel) error {
		return func(k *kernel) error {
			s := kernelShare(k.table)
			for i := range s.Parts {
				change(sets{&s.Parts[i].Mine, &s.Parts[i].Ask, &s.Parts[i].Unsettled})
			}
			return k.program.SetShare(s)
		}
	}
	repart := func(change func(*xsk.Part)) func(*kernel) error {
		return func(k *kernel) error {
			s := kernelShare(k.table)
			for i := range s.Parts {
				change(&s.Parts[i])
			}
			return k.program.SetShare(s)
		}
	}
	for name, change := range map[string]func(*kernel) error{
		"no ask":       reshare(func(s sets) { clear(s.ask[:]) }),
		"no unsettled": reshare(func(s sets) { clear(s.unsettled[:]) }),
		"no mine":      reshare(func(s sets) { clear(s.mine[:]) }),
		"changed over": reshare(func(s sets) { *s.ask, *s.unsettled = *s.unsettled, *s.ask }),
		"one word on":  reshare(func(s sets) { copy(s.unsettled[1:], s.unsettled[:1023]) }),
		"lease over":   func(k *kernel) error { return k.program.SetLease(0) },
		"lease good":   func(k *kernel) error { k.good = false; return nil },
		"no grant":     func(k *kernel) error { k.granted = true; return nil },
		"no sticky":    repart(func(s *xsk.Part) { clear(s.Sticky[:]) }),
		"no flow": func(k *kernel) error {
			k.unheard = true
			return nil
		},
	} {
		k := newKernel(t, config.OffloadFull, vips, rules, share, unchanged)
		if err := k.search(newFrameSource(t, 5, vips, rules, kernelNIC), 1000); err != nil {
			t.Fatal(err)
		}
		if err := change(k); err != nil {
			t.Fatal(err)
		}
		if err := k.search(newFrameSource(t, 6, vips, rules, kernelNIC), 100_000); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
