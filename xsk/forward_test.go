package xsk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
	"thresher/pipeline"
)

// The states of a TCP entry (linux/netfilter/nf_conntrack_tcp.h).
const (
	ctSYNSent     = 1
	ctSYNRecv     = 2
	ctEstablished = 3
	ctFinWait     = 4
	ctCloseWait   = 5
	ctLastAck     = 6
	ctTimeWait    = 7
	ctClose       = 8
)

// needForward skips where the kernel lacks what the test is about.
func needForward(t testing.TB) {
	t.Helper()
	if err := CheckForward(); errors.Is(err, ErrNoConntrack) {
		leftout.Skip(t, err.Error())
	} else {
		must(t, err)
	}
}

// track puts an entry into this namespace's conntrack: a flow from client to the
// VIP that is sent on to another machine. state 0 is none of TCP's.
func track(t testing.TB, protocol uint8, client, server netip.AddrPort, state uint8) {
	t.Helper()
	inside, family := netip.MustParseAddr("10.0.0.7").AsSlice(), unix.AF_INET
	if client.Addr().Is6() {
		inside, family = netip.MustParseAddr("fd00::7").AsSlice(), unix.AF_INET6
	}
	e := &netlink.ConntrackFlow{
		FamilyType: uint8(family), TimeOut: 600,
		Forward: netlink.IPTuple{SrcIP: client.Addr().AsSlice(), SrcPort: client.Port(),
			DstIP: server.Addr().AsSlice(), DstPort: server.Port(), Protocol: protocol},
		Reverse: netlink.IPTuple{SrcIP: inside, SrcPort: server.Port(),
			DstIP: client.Addr().AsSlice(), DstPort: client.Port(), Protocol: protocol},
	}
	if state != 0 {
		e.ProtoInfo = &netlink.ProtoInfoTCP{State: state}
	}
	must(t, netlink.ConntrackCreate(netlink.ConntrackTable, netlink.InetFamily(family), e))
}

// forwarding are rulesFor with one rule for every port, whose packets the node
// sends on.
func forwarding(r *Rules) *Rules {
	r.Forward[0], r.Forwards = 1, 1
	return r
}

// known is what the program's look-up says about a frame.
func known(t testing.TB, p *Program, frame []byte) pipeline.FlowState {
	t.Helper()
	run := &ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+Headroom)}
	_, err := p.Run(run)
	must(t, err)
	facts := pipeline.ParseFacts(binary.LittleEndian.Uint64(run.DataOut))
	if !facts.Stamped {
		t.Fatalf("no metadata before %x", run.DataOut)
	}
	return facts.Flow
}

// from changes the source port of tcpTo's or udpTo's frame.
func from(frame []byte, port uint16) []byte {
	binary.BigEndian.PutUint16(frame[transportAt(frame):], port)
	return frame
}

// forwardingProgram is an armed program whose rules forward, in a namespace of the test's.
func forwardingProgram(t *testing.T) *Program {
	t.Helper()
	newWire(t, 1)
	needForward(t)
	p, err := LoadProgram(forwarding(rulesFor(ownMAC)))
	must(t, err)
	t.Cleanup(func() { p.Close() })
	must(t, p.Arm())
	return p
}

// TestKernelKnowsEntries: an entry makes a flow known, by its state, and only to
// a rule that forwards.
func TestKernelKnowsEntries(t *testing.T) {
	p := forwardingProgram(t)
	rules := forwarding(rulesFor(ownMAC))
	rules.Forward[0], rules.Forward[1] = 0, 1
	other, err := LoadProgram(rules) // in which another rule forwards
	must(t, err)
	defer other.Close()
	must(t, other.Arm())
	for i, tt := range []struct {
		name     string
		protocol uint8
		state    uint8
		want     pipeline.FlowState
	}{
		{"syn sent", unix.IPPROTO_TCP, ctSYNSent, pipeline.FlowKnown},
		{"syn received", unix.IPPROTO_TCP, ctSYNRecv, pipeline.FlowKnown},
		{"established", unix.IPPROTO_TCP, ctEstablished, pipeline.FlowKnown},
		{"fin wait", unix.IPPROTO_TCP, ctFinWait, pipeline.FlowNone}, // of a SYN
		{"close wait", unix.IPPROTO_TCP, ctCloseWait, pipeline.FlowNone},
		{"last ack", unix.IPPROTO_TCP, ctLastAck, pipeline.FlowNone},
		{"time wait", unix.IPPROTO_TCP, ctTimeWait, pipeline.FlowNone},
		{"reset", unix.IPPROTO_TCP, ctClose, pipeline.FlowNone},
		{"udp", unix.IPPROTO_UDP, 0, pipeline.FlowKnown},
	} {
		for _, f := range families {
			port := uint16(41000 + i)
			frame, server := from(tcpTo(t, f.vip.MAC, f.vip.Address.String()), port), netip.AddrPortFrom(f.vip.Address, 80)
			if tt.protocol == unix.IPPROTO_UDP {
				frame = from(udpTo(t, f.vip.MAC, f.vip.Address.String()), port)
				server = netip.AddrPortFrom(f.vip.Address, 53)
			}
			if got := known(t, p, frame); got != pipeline.FlowNone {
				t.Errorf("IPv%s, %s, before its entry is there: state %d", f.name, tt.name, got)
			}
			track(t, tt.protocol, netip.AddrPortFrom(f.client, port), server, tt.state)
			if got := known(t, p, frame); got != tt.want {
				t.Errorf("IPv%s, %s: state %d, want %d", f.name, tt.name, got, tt.want)
			}
			if got := known(t, other, frame); got != pipeline.FlowNone {
				t.Errorf("IPv%s, %s, of a rule that does not forward: state %d", f.name, tt.name, got)
			}
		}
	}
}

// TestOwnConnectionIsNoEntry: what the machine itself opened towards the client
// comes back with the same tuple, but is no flow that a rule let in.
func TestOwnConnectionIsNoEntry(t *testing.T) {
	p := forwardingProgram(t)
	client := netip.AddrPortFrom(clientIP.Addr(), 40000)
	must(t, netlink.ConntrackCreate(netlink.ConntrackTable, netlink.InetFamily(unix.AF_INET), &netlink.ConntrackFlow{
		FamilyType: unix.AF_INET, TimeOut: 600, ProtoInfo: &netlink.ProtoInfoTCP{State: ctEstablished},
		Forward: netlink.IPTuple{SrcIP: parseIP(t, "10.0.0.7"), SrcPort: 80, DstIP: client.Addr().AsSlice(), DstPort: 40000, Protocol: unix.IPPROTO_TCP},
		Reverse: netlink.IPTuple{SrcIP: client.Addr().AsSlice(), SrcPort: 40000, DstIP: vip.Address.AsSlice(), DstPort: 80, Protocol: unix.IPPROTO_TCP},
	}))
	if got := known(t, p, tcpTo(t, vip.MAC, vip.Address.String())); got != pipeline.FlowNone {
		t.Errorf("state %d, want none", got)
	}
}

// TestVerdictByEntry drives the verdict itself, at offload full.
func TestVerdictByEntry(t *testing.T) {
	newWire(t, 1)
	needForward(t)
	p := ownAll(t, func(r *Rules) {
		forwarding(r)
		r.Udp.OfPort[53] = 1 // the same rule; all other ports have none
		for v := range r.Udp.Rule[0] {
			r.Udp.Rule[0][v] = math.MaxUint16
		}
	})
	unsettled, foreign := wholeShare(), wholeShare()
	unsettled.Parts[0].Unsettled = unsettled.Parts[0].Mine
	foreign.Parts[0].Unsettled, foreign.Parts[0].Mine = foreign.Parts[0].Mine, BucketSet{}
	tcp := noSYN(tcpTo(t, vip.MAC, vip.Address.String()))
	udp := udpTo(t, vip.MAC, vip.Address.String())
	client := netip.AddrPortFrom(clientIP.Addr(), 40000)
	steps := func(when string, want map[string][2]uint32) {
		t.Helper()
		for name, share := range map[string]*Share{"settled": wholeShare(), "unsettled": unsettled, "foreign": foreign} {
			must(t, p.SetShare(share))
			if got := [2]uint32{run(t, p, tcp), run(t, p, udp)}; got != want[name] {
				t.Errorf("%s, %s: verdicts %d on TCP and UDP, want %d", when, name, got, want[name])
			}
		}
	}
	pass, drop := uint32(xdpPass), uint32(xdpDrop)
	must(t, p.SetLease(math.MaxInt64))
	steps("unknown", map[string][2]uint32{"settled": {pass, pass}, "unsettled": {drop, pass}, "foreign": {drop, drop}})
	must(t, p.SetHalfOpen([]Flow{{Client: client, VIP: netip.AddrPortFrom(vip.Address, 53)}}))
	steps("another's UDP", map[string][2]uint32{"settled": {pass, pass}, "unsettled": {drop, drop}, "foreign": {drop, drop}})
	must(t, p.SetLease(0))
	steps("unknown, lease over", map[string][2]uint32{"settled": {drop, drop}, "unsettled": {drop, drop}, "foreign": {drop, drop}})
	track(t, unix.IPPROTO_TCP, client, netip.AddrPortFrom(vip.Address, 80), ctEstablished)
	track(t, unix.IPPROTO_UDP, client, netip.AddrPortFrom(vip.Address, 53), 0)
	all := [2]uint32{pass, pass}
	steps("known, lease over", map[string][2]uint32{"settled": all, "unsettled": all, "foreign": all})
}

// TestKernelKnowsClosingFlows: of a flow that is being closed, or was, are the packets
// that acknowledge what its server has sent; others are of one that has taken its
// ports. An entry that is put in by hand has seen nothing: the server has sent up to 0.
func TestKernelKnowsClosingFlows(t *testing.T) {
	p := forwardingProgram(t)
	const syn, rst, ack, fin = 0x02, 0x04, 0x10, 0x01
	for i, state := range []uint8{ctFinWait, ctCloseWait, ctLastAck, ctTimeWait, ctEstablished} {
		for _, f := range families {
			port := uint16(42000 + i)
			track(t, unix.IPPROTO_TCP, netip.AddrPortFrom(f.client, port), netip.AddrPortFrom(f.vip.Address, 80), state)
			for _, tt := range []struct {
				name  string
				flags byte
				acks  uint32
				want  pipeline.FlowState
			}{
				{"SYN", syn, 0, pipeline.FlowNone},
				{"all acknowledged", ack, 0, pipeline.FlowTimeWait},
				{"FIN again", fin | ack, 0, pipeline.FlowTimeWait},
				{"some acknowledged", ack, math.MaxUint32 - 1000, pipeline.FlowTimeWait},
				{"reset", rst, 12345, pipeline.FlowTimeWait},
				{"of another flow, ahead", ack, 1, pipeline.FlowNone},
				{"of another flow, behind", ack, 1 << 31, pipeline.FlowNone},
				{"reset of another flow", rst | ack, 1 << 31, pipeline.FlowNone},
				{"SYN that acknowledges", syn | ack, 0, pipeline.FlowNone},
			} {
				frame := from(tcpTo(t, f.vip.MAC, f.vip.Address.String()), port)
				tcp := frame[transportAt(frame):]
				tcp[13] = tt.flags
				binary.BigEndian.PutUint32(tcp[8:], tt.acks)
				if state == ctEstablished { // conntrack itself judges those
					tt.want = pipeline.FlowKnown
				}
				if got := known(t, p, frame); got != tt.want {
					t.Errorf("IPv%s, state %d, %s: flow %d, want %d", f.name, state, tt.name, got, tt.want)
				}
			}
		}
	}
}

// TestFenceKnowsForwardedUDP: of a fenced node's UDP, what conntrack has reaches
// the stack.
func TestFenceKnowsForwardedUDP(t *testing.T) {
	needForward(t)
	for name, change := range map[string]func(*Rules) *Rules{
		"forwards": forwarding, "does not": func(r *Rules) *Rules { return r },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, 1)
			rules := change(rulesFor(w.nicMAC()))
			p, err := LoadProgram(rules)
			must(t, err)
			defer p.Close()
			q := openTestQueue(t, w)
			must(t, (&Stack{}).Fence(p))
			want := rules.Forwards > 0
			for _, f := range families {
				socket := listenRaw(t, f.raw, unix.IPPROTO_UDP)
				send := func() {
					frame := udpTo(t, w.nicMAC(), f.vip.Address.String())
					place := q.rx.free.take() + Headroom
					copy(q.rx.area[place:], frame)
					q.tx.send(place, uint32(len(frame)))
					must(t, q.tx.kick())
				}
				must(t, p.SetLease(0))
				if send(); arrives(t, socket, false) {
					t.Errorf("IPv%s: an unknown flow's packet reached the stack", f.name)
				}
				track(t, unix.IPPROTO_UDP, netip.AddrPortFrom(f.client, 40000), netip.AddrPortFrom(f.vip.Address, 53), 0)
				if send(); arrives(t, socket, want) != want {
					t.Errorf("IPv%s: a known flow's packet reached the stack: %v, want %v", f.name, !want, want)
				}
			}
		})
	}
}

// withoutConntrack is the program as a kernel without the look-up gets it: the
// names that it asks for are in no kernel.
func withoutConntrack(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	object := _BpfBytes
	for _, name := range append(lookups[:], "nf_conn\x00", "ip_ct_tcp\x00", "nf_conntrack_proto\x00") {
		absent := bytes.Repeat([]byte{'?'}, len(name))
		copy(absent, name)
		absent[2] = 'X'
		if !bytes.Contains(object, []byte(name)) {
			t.Fatalf("the object does not name %q", name)
		}
		object = bytes.ReplaceAll(object, []byte(name), absent)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	must(t, err)
	return spec
}

// TestProgramWithoutConntrack: a kernel without the look-up takes the program as
// long as no rule forwards.
func TestProgramWithoutConntrack(t *testing.T) {
	newWire(t, 1)
	p, err := loadFitted(withoutConntrack(t), rulesFor(ownMAC))
	must(t, err)
	must(t, p.Close())
	if p, err := loadFitted(withoutConntrack(t), forwarding(rulesFor(ownMAC))); err == nil {
		p.Close()
		t.Error("with rules that forward, the kernel took the program: the look-up is not reached")
	}
}

// BenchmarkKernelKnows is the program's time for a packet that is handed over, with
// what it looks up.
func BenchmarkKernelKnows(b *testing.B) {
	needForward(b)
	tcp, udp := noSYN(tcpTo(b, vip.MAC, vip.Address.String())), udpTo(b, vip.MAC, vip.Address.String())
	for _, bb := range []struct {
		name  string
		rules *Rules
		frame []byte
	}{
		{"tcp/sockets alone", rulesFor(ownMAC), tcp},
		{"tcp/no entry", forwarding(rulesFor(ownMAC)), tcp},
		{"tcp/entry", forwarding(rulesFor(ownMAC)), from(bytes.Clone(tcp), 40001)},
		{"udp/does not forward", rulesFor(ownMAC), udp},
		{"udp/no entry", forwarding(rulesFor(ownMAC)), udp},
		{"udp/entry", forwarding(rulesFor(ownMAC)), from(bytes.Clone(udp), 40001)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			newWire(b, 1) // of this goroutine's thread
			track(b, unix.IPPROTO_TCP, netip.AddrPortFrom(clientIP.Addr(), 40001), netip.AddrPortFrom(vip.Address, 80), ctEstablished)
			track(b, unix.IPPROTO_UDP, netip.AddrPortFrom(clientIP.Addr(), 40001), netip.AddrPortFrom(vip.Address, 53), 0)
			p, err := LoadProgram(bb.rules)
			must(b, err)
			defer p.Close()
			must(b, p.Arm())
			var total time.Duration
			rounds := 0
			for b.Loop() {
				mean, err := p.Benchmark(bb.frame, 10_000)
				must(b, err)
				total += mean
				rounds++
			}
			b.ReportMetric(float64(total.Nanoseconds())/float64(rounds), "ns/packet")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// loadFitted is LoadProgram for another object.
func loadFitted(spec *ebpf.CollectionSpec, rules *Rules) (*Program, error) {
	if err := fit(spec, rules); err != nil {
		return nil, err
	}
	return loadSpec(spec, rules)
}
