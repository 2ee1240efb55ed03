package farm

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"thresher/config"
	"thresher/farm/clock"
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
	deadline := clock.Nanoseconds() - 1 // over
	if good {
		deadline = clock.Nanoseconds() + int64(time.Hour)
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
	now := clock.Nanoseconds()
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

// ofQuoted is what counts for a packet that an ICMP error quotes: it brings no SYN
// cookie back.
func (m madeUp) ofQuoted(protocol config.Protocol, forward bool) pipeline.FlowState {
	if forward && (m.entry >= pipeline.FlowKnown || protocol == config.UDP) {
		return m.entry
	}
	if protocol == config.TCP && m.socket == pipeline.FlowCookie {
		return pipeline.FlowListen
	}
	if protocol == config.TCP {
		return m.socket
	}
	return pipeline.FlowNone
}

// facts makes up what is known of a frame's flow, and tells the program.
func (k *kernel) facts(frame []byte) (pipeline.Facts, error) {
	flow, protocol, ok := flowOf(frame)
	quoted := !ok
	if quoted {
		flow, protocol, ok = quotedFlow(frame)
	}
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
	facts := pipeline.Facts{HalfOpen: flow == k.halfOpen}
	switch {
	case quoted:
		facts.Flow = k.flows[flow].ofQuoted(protocol, ruled && k.rules[rule].Forward)
	case !ruled: // a socket, also of UDP
		facts.Flow = k.flows[flow].socket
	default:
		facts.Flow = k.flows[flow].of(protocol, k.rules[rule].Forward)
	}
	return facts, nil
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
	if len(frame) < 34 || frame[14]&15 < 5 || len(frame) < 14+int(frame[14]&15)*4 || frame[20]&0x1f != 0 || frame[21] != 0 {
		return source, destination, 0, nil
	}
	return netip.AddrFrom4([4]byte(frame[26:])), netip.AddrFrom4([4]byte(frame[30:])), frame[23], frame[14+int(frame[14]&15)*4:]
}

// isFragment tells whether a frame whose flow can be told has but a part of a
// datagram.
func isFragment(frame []byte) bool {
	if !isIPv6(frame) {
		return frame[20]&0x20 != 0
	}
	for at, kind := 54, frame[20]; ; {
		length := extensionLength(kind, frame[at:])
		if length < 0 {
			return false
		}
		if kind == 44 && frame[at+3]&1 != 0 {
			return true
		}
		kind, at = frame[at], at+length
	}
}

// quotedFlow reads the flow that an ICMP error is about, as the client's packets
// have it.
func quotedFlow(frame []byte) (f xsk.Flow, protocol config.Protocol, ok bool) {
	_, vip, number, message := carriedIn(frame)
	if !isIPv6(frame) && len(message) > 0 {
		header := int(frame[14]&15) * 4
		message = message[:max(0, min(len(message), int(binary.BigEndian.Uint16(frame[16:]))-header))]
	}
	if len(message) < 8 || !isError(number, message[0], isIPv6(frame)) {
		return f, 0, false
	}
	inner := message[8:]
	var client netip.Addr
	var ports []byte
	switch {
	case isIPv6(frame) && len(inner) >= 40 && inner[0]>>4 == 6 && netip.AddrFrom16([16]byte(inner[8:])) == vip:
		client, protocol, ports = netip.AddrFrom16([16]byte(inner[24:])), config.Protocol(inner[6]), inner[40:]
	case !isIPv6(frame) && len(inner) >= 20 && inner[0]>>4 == 4 && inner[0]&15 >= 5 && len(inner) >= int(inner[0]&15)*4 &&
		inner[6]&0x1f == 0 && inner[7] == 0 && netip.AddrFrom4([4]byte(inner[12:])) == vip:
		client, protocol, ports = netip.AddrFrom4([4]byte(inner[16:])), config.Protocol(inner[9]), inner[int(inner[0]&15)*4:]
	}
	if len(ports) < 8 || protocol != config.TCP && protocol != config.UDP {
		return f, 0, false
	}
	return xsk.Flow{
		Client: netip.AddrPortFrom(client, binary.BigEndian.Uint16(ports[2:])),
		VIP:    netip.AddrPortFrom(vip, binary.BigEndian.Uint16(ports)),
	}, protocol, true
}

// isError tells whether a message of this protocol is an ICMP error.
func isError(protocol, kind byte, six bool) bool {
	if six {
		return protocol == 58 && kind >= 1 && kind <= 4
	}
	return protocol == 1 && (kind == 3 || kind == 11 || kind == 12)
}

// untagged is a frame without its first VLAN tag, if that has a priority alone.
func untagged(frame []byte) []byte {
	if len(frame) < 18 || binary.BigEndian.Uint16(frame[12:]) != 0x8100 || binary.BigEndian.Uint16(frame[14:])&0xfff != 0 {
		return frame
	}
	return append(append([]byte{}, frame[:12]...), frame[16:]...)
}

// TestOtherStateIsFound: nor must one that has another share, lease or knowledge
// of flows than the pipeline.
func TestOtherStateIsFound(t *testing.T) {
	t.Parallel()
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
		if err := k.search(newFrameSource(t, 6, vips, rules, kernelNIC), 1_000_000); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
