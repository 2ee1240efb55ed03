package xsk

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/pipeline"
)

func boottime(t testing.TB) int64 {
	t.Helper()
	var ts unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts))
	return ts.Nano()
}

// ownAll is a program that has every bucket of TCP port 80, at offload full.
func ownAll(t testing.TB, change ...func(*Rules)) *Program {
	t.Helper()
	p, err := LoadProgram(ownAllRules(change...))
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	must(t, p.SetShare(wholeShare()))
	must(t, p.Arm())
	return p
}

func ownAllRules(change ...func(*Rules)) *Rules {
	rules := rulesFor(ownMAC)
	rules.Offload = uint32(config.OffloadFull)
	rules.Tcp.OfPort[80] = 1
	for class := range rules.Tcp.Rule {
		for v := range rules.Tcp.Rule[class] {
			rules.Tcp.Rule[class][v] = math.MaxUint16
		}
	}
	rules.Tcp.Rule[1][0], rules.Tcp.Rule[1][1] = 0, 0
	rules.Hashed[0].Mask4, rules.Hashed[0].Port6 = math.MaxUint32|math.MaxUint16<<32, math.MaxUint16
	for _, c := range change {
		c(rules)
	}
	return rules
}

// noRuleBut80 has the default say what becomes of all but TCP port 80.
func noRuleBut80(unruled bpfUnruled) func(*Rules) {
	return func(r *Rules) {
		r.Unruled = uint32(unruled)
		for class := range r.Udp.Rule {
			for v := range r.Udp.Rule[class] {
				r.Udp.Rule[class][v] = math.MaxUint16
			}
		}
	}
}

func wholeShare() *Share {
	s := &Share{Parts: make([]Part, 1), PartOfRule: []uint16{0}}
	for i := range s.Parts[0].Mine {
		s.Parts[0].Mine[i] = math.MaxUint64
	}
	return s
}

func run(t testing.TB, p *Program, frame []byte) uint32 {
	t.Helper()
	action, err := p.Run(&ebpf.RunOptions{Data: frame})
	must(t, err)
	return action
}

// noSYN makes a frame of tcpTo's one that goes on with a flow.
func noSYN(frame []byte) []byte {
	const flags = 13
	frame[transportAt(frame)+flags] = 0x10 // ACK
	return frame
}

// TestLeaseRunsOut: neither clock may see the lease good when it is over, and
// both must see it good until shortly before.
func TestLeaseRunsOut(t *testing.T) {
	newWire(t, 1) // a namespace without sockets
	p := ownAll(t)
	tick, err := tickLength()
	must(t, err)
	for name, frame := range map[string][]byte{
		"exact": tcpTo(t, vip.MAC, "198.18.0.100"), "coarse": noSYN(tcpTo(t, vip.MAC, "198.18.0.100")),
		"IPv6, exact": tcpTo(t, vip6.MAC, "2001:db8:1::100"), "IPv6, coarse": noSYN(tcpTo(t, vip6.MAC, "2001:db8:1::100")),
	} {
		must(t, p.SetLease(math.MaxInt64))
		if got := run(t, p, frame); got != xdpPass {
			t.Errorf("%s: verdict %d with a lease, want %d", name, got, xdpPass)
		}
		deadline := boottime(t) + int64(50*time.Millisecond)
		must(t, p.SetLease(deadline))
		var last, refused int64 // before the last run that passed, after the one that did not
		for refused == 0 {
			before := boottime(t)
			if run(t, p, frame) == xdpPass {
				last = before
			} else {
				refused = boottime(t)
			}
		}
		if last >= deadline {
			t.Errorf("%s: let in %d ns after the deadline", name, last-deadline)
		}
		if early := time.Duration(deadline - refused); early > 10*tick {
			t.Errorf("%s: let in no more %v before the deadline", name, early)
		}
		must(t, p.SetLease(0))
		if got := run(t, p, frame); got != xdpDrop {
			t.Errorf("%s: verdict %d without a lease, want %d", name, got, xdpDrop)
		}
	}
	if n := counters(t, p)[pipeline.Fenced]; n < 8 {
		t.Errorf("fenced counted %d times, want 8 or more", n)
	}
}

// A machine that was suspended wakes up with ticks where they stood. What opens a TCP
// flow is judged by the exact clock, also under no rule.
func TestNoRuleLeaseOfASuspendedMachine(t *testing.T) {
	newWire(t, 1)
	p := ownAll(t, noRuleBut80(bpfUnruledDEFAULT_SINGLE))
	must(t, p.SetLease(boottime(t)+int64(time.Hour)))
	for _, f := range families {
		syn := tcpTo(t, f.vip.MAC, f.vip.Address.String())
		syn[transportAt(syn)+3]++ // to port 81, under no rule
		udp := udpTo(t, f.vip.MAC, f.vip.Address.String())
		for _, tt := range []struct {
			name  string
			frame []byte
			want  uint32
		}{{"syn", syn, xdpDrop}, {"udp", udp, xdpPass}} {
			must(t, p.SetLease(boottime(t)+int64(time.Hour)))
			if got := run(t, p, tt.frame); got != xdpPass {
				t.Errorf("IPv%s, %s: verdict %d with a lease, want %d", f.name, tt.name, got, xdpPass)
			}
			must(t, p.objects.LeaseBoot.Set(uint64(1)))
			if got := run(t, p, tt.frame); got != tt.want {
				t.Errorf("IPv%s, %s: verdict %d when the exact clock is past the lease, want %d", f.name, tt.name, got, tt.want)
			}
		}
	}
}

// TestFenceBeforeStack sends frames to the stack past every verdict, as a ring
// would after a stop: those that open a flow must not come out.
func TestFenceBeforeStack(t *testing.T) {
	w := newWire(t, 1)
	p, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	defer p.Close()
	q := openTestQueue(t, w)
	must(t, (&Stack{}).Fence(p))
	const ip, ip6 = "198.18.0.100", "2001:db8:1::100"
	udp, udp6 := listenRaw(t, unix.AF_INET, unix.IPPROTO_UDP), listenRaw(t, unix.AF_INET6, unix.IPPROTO_UDP)
	tcp, tcp6 := listenRaw(t, unix.AF_INET, unix.IPPROTO_TCP), listenRaw(t, unix.AF_INET6, unix.IPPROTO_TCP)
	icmp6 := listenRaw(t, unix.AF_INET6, unix.IPPROTO_ICMPV6)
	filter := unix.ICMPv6Filter{}
	for kind := range uint(256) { // a bit set is a type that does not come
		if kind != layers.ICMPv6TypeEchoRequest && kind != layers.ICMPv6TypePacketTooBig {
			filter.Data[kind/32] |= 1 << (kind % 32)
		}
	}
	must(t, unix.SetsockoptICMPv6Filter(icmp6, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter))
	echo6 := pingTo(t, w.nicMAC(), ip6, layers.ICMPv6TypeEchoRequest)
	tooBig := pingTo(t, w.nicMAC(), ip6, layers.ICMPv6TypePacketTooBig)
	for _, tt := range []struct {
		name   string
		frame  []byte
		socket int
		lease  int64
		want   bool
	}{
		{"syn, lease good", tcpTo(t, w.nicMAC(), ip), tcp, math.MaxInt64, true},
		{"syn, lease over", tcpTo(t, w.nicMAC(), ip), tcp, 0, false},
		{"ack, lease over", noSYN(tcpTo(t, w.nicMAC(), ip)), tcp, 0, true},
		{"udp, lease good", udpTo(t, w.nicMAC(), ip), udp, math.MaxInt64, true},
		{"udp, lease over", udpTo(t, w.nicMAC(), ip), udp, 0, false},
		{"IPv6 syn, lease good", tcpTo(t, w.nicMAC(), ip6), tcp6, math.MaxInt64, true},
		{"IPv6 syn, lease over", tcpTo(t, w.nicMAC(), ip6), tcp6, 0, false},
		{"IPv6 syn behind options, lease good", behindOptions(tcpTo(t, w.nicMAC(), ip6)), tcp6, math.MaxInt64, true},
		{"IPv6 syn behind options, lease over", behindOptions(tcpTo(t, w.nicMAC(), ip6)), tcp6, 0, false},
		{"IPv6 ack, lease over", noSYN(tcpTo(t, w.nicMAC(), ip6)), tcp6, 0, true},
		{"IPv6 udp, lease good", udpTo(t, w.nicMAC(), ip6), udp6, math.MaxInt64, true},
		{"IPv6 udp, lease over", udpTo(t, w.nicMAC(), ip6), udp6, 0, false},
		{"IPv6 echo, lease over", echo6, icmp6, 0, false},
		{"IPv6 packet too big, lease over", tooBig, icmp6, 0, true},
	} {
		must(t, p.SetLease(tt.lease))
		before, opened := counters(t, p)[pipeline.Fenced], openedBy(t, p)
		place := q.rx.free.take() + Headroom
		copy(q.rx.area[place:], tt.frame)
		q.tx.send(place, uint32(len(tt.frame)))
		must(t, q.tx.kick())
		if got := arrives(t, tt.socket, tt.want); got != tt.want {
			t.Errorf("%s: reached the stack: %v, want %v", tt.name, got, tt.want)
		}
		fenced := func() uint64 { return counters(t, p)[pipeline.Fenced] - before }
		if !tt.want {
			eventually(t, tt.name+": fenced is counted", func() bool { return fenced() > 0 })
		}
		if n := fenced(); (n == 1) == tt.want {
			t.Errorf("%s: fenced counted %d times", tt.name, n)
		}
		if opens := tt.want && strings.Contains(tt.name, "syn"); openedBy(t, p)-opened != map[bool]uint64{true: 1}[opens] {
			t.Errorf("%s: %d connections opened", tt.name, openedBy(t, p)-opened)
		}
	}
}

// What every node lets in by its default, the fence does too, with a lease or without:
// what an offload level makes of a packet is the same at all of them.
func TestFenceLetsTheDefaultPass(t *testing.T) {
	w := newWire(t, 1)
	rules := ownAllRules(noRuleBut80(bpfUnruledDEFAULT_PASS))
	rules.Nic = rulesFor(w.nicMAC()).Nic
	p, err := LoadProgram(rules)
	must(t, err)
	defer p.Close()
	q := openTestQueue(t, w)
	must(t, (&Stack{}).Fence(p))
	must(t, p.SetLease(0))
	for _, f := range families {
		ruled := tcpTo(t, w.nicMAC(), f.vip.Address.String())
		unruled := slices.Clone(ruled)
		unruled[transportAt(unruled)+3]++ // to port 81
		for _, tt := range []struct {
			name     string
			frame    []byte
			protocol int
			want     bool
		}{
			{"syn under a rule", ruled, unix.IPPROTO_TCP, false},
			{"syn under none", unruled, unix.IPPROTO_TCP, true},
			{"udp under none", udpTo(t, w.nicMAC(), f.vip.Address.String()), unix.IPPROTO_UDP, true},
		} {
			socket := listenRaw(t, f.raw, tt.protocol)
			place := q.rx.free.take() + Headroom
			copy(q.rx.area[place:], tt.frame)
			q.tx.send(place, uint32(len(tt.frame)))
			must(t, q.tx.kick())
			if got := arrives(t, socket, tt.want); got != tt.want {
				t.Errorf("IPv%s, %s: reached the stack: %v, want %v", f.name, tt.name, got, tt.want)
			}
		}
	}
}

func openedBy(t *testing.T, p *Program) uint64 {
	t.Helper()
	n, err := p.Opened()
	must(t, err)
	return n
}

// behindOptions puts destination options before an IPv6 frame's transport header.
func behindOptions(frame []byte) []byte {
	const nextHeader, destinationOptions, padN = 14 + 6, 60, 1
	options := []byte{frame[nextHeader], 0, padN, 4, 0, 0, 0, 0}
	frame[nextHeader] = destinationOptions
	frame[14+5] += byte(len(options))
	return slices.Insert(frame, transportAt(frame), options...)
}

// pingTo is an ICMPv6 packet, of eight bytes and a few more.
func pingTo(t testing.TB, mac config.MAC, ip string, kind uint8) []byte {
	t.Helper()
	eth, dst := headers(t, mac, netip.Addr{}, ip, layers.IPProtocolICMPv6)
	icmp := layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	must(t, icmp.SetNetworkLayerForChecksum(dst))
	return serialize(t, eth, dst, &icmp, gopacket.Payload(make([]byte, 12)))
}

// listenRaw is a socket that gets every packet of a protocol that the stack takes.
func listenRaw(t *testing.T, family, protocol int) int {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	must(t, err)
	t.Cleanup(func() { must(t, unix.Close(fd)) })
	return fd
}

// arrives takes one packet from a raw socket. The stack has a frame before the
// call that sends it returns; only one that is expected is waited for.
func arrives(t *testing.T, fd int, expected bool) bool {
	t.Helper()
	wait := 0
	if expected {
		wait = 5000 // ms
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, wait)
	for errors.Is(err, unix.EINTR) { // by a signal of the runtime's
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, wait)
	}
	must(t, err)
	if n == 0 {
		return false
	}
	_, err = unix.Read(fd, make([]byte, 2048))
	must(t, err)
	return true
}

// TestHalfOpenIsKept: what the program knows is what was set last.
func TestHalfOpenIsKept(t *testing.T) {
	newWire(t, 1)
	p := ownAll(t)
	share := wholeShare()
	share.Parts[0].Unsettled = share.Parts[0].Mine
	must(t, p.SetShare(share))
	must(t, p.SetLease(math.MaxInt64))
	for _, f := range families {
		syn := tcpTo(t, f.vip.MAC, f.vip.Address.String())
		own := Flow{Client: netip.AddrPortFrom(f.client, 40000), VIP: netip.AddrPortFrom(f.vip.Address, 80)}
		other := Flow{Client: netip.AddrPortFrom(f.client, 40001), VIP: own.VIP}
		for i, tt := range []struct {
			flows []Flow
			want  uint32
		}{
			{nil, xdpPass}, {[]Flow{own}, xdpDrop}, {[]Flow{other, own}, xdpDrop},
			{[]Flow{other}, xdpPass}, {[]Flow{own, own}, xdpDrop}, {nil, xdpPass},
		} {
			must(t, p.SetHalfOpen(tt.flows))
			if got := run(t, p, syn); got != tt.want {
				t.Errorf("IPv%s, step %d: verdict %d, want %d", f.name, i, got, tt.want)
			}
		}
	}
	if n := counters(t, p)[pipeline.HalfOpenElsewhere]; n != 6 {
		t.Errorf("half_open_elsewhere counted %d times, want 6", n)
	}
	if err := p.SetHalfOpen(make([]Flow, MaxHalfOpen+1)); err == nil {
		t.Error("took more than there is room for")
	}
}

// The benchmarks are what a change of the farm waits for.

func BenchmarkSetLease(b *testing.B) {
	newWire(b, 1)
	p := ownAll(b)
	far := boottime(b) + int64(time.Hour)
	b.Run("renew", func(b *testing.B) {
		for b.Loop() {
			must(b, p.SetLease(far))
		}
	})
	b.Run("fence", func(b *testing.B) {
		for b.Loop() {
			must(b, p.SetLease(0))
		}
	})
}

func BenchmarkSetShare(b *testing.B) {
	newWire(b, 1)
	p := ownAll(b)
	share := wholeShare()
	for name, wait := range map[string]bool{"wait": true, "stale slot": false} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(b, p.SetShare(share))
				if wait {
					must(b, p.Await())
				}
			}
		})
	}
	b.Run("no wait", func(b *testing.B) {
		for b.Loop() {
			p.slots.stale = 0 // as after a change that waited
			must(b, p.SetShare(share))
		}
	})
}

func BenchmarkSetHalfOpen(b *testing.B) {
	newWire(b, 1)
	p := ownAll(b)
	flows := make([]Flow, 4096)
	for i := range flows {
		flows[i] = Flow{Client: netip.AddrPortFrom(clientIP.Addr(), uint16(1024+i)), VIP: netip.AddrPortFrom(vip.Address, 80)}
	}
	for b.Loop() {
		must(b, p.SetHalfOpen(flows))
		must(b, p.SetHalfOpen(nil))
	}
}
