package arp

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// step feeds one frame to the receive step, as Serve does after its read.
func step(t testing.TB, r *Responder, b []byte, now time.Time) Reason {
	t.Helper()
	f, p := new(ethernet.Frame), new(arp.Packet)
	if err := f.UnmarshalBinary(b); err != nil {
		return Malformed
	}
	if err := p.UnmarshalBinary(f.Payload); err != nil {
		return Malformed
	}
	m, err := arpMessage(p, f, nicMAC)
	return outcome(r, m, err, now)
}

// outcome is what becomes of what was read.
func outcome(r *Responder, m message, err error, now time.Time) Reason {
	var refused refusal
	if errors.As(err, &refused) {
		return Reason(refused)
	}
	return r.handle(m, now)
}

// answerTo is the reply that a client must see.
func answerTo(mac config.MAC, ip string) *seen {
	return &seen{
		EthSrc: nicMAC.String(), EthDst: mac.String(), Op: layers.ARPReply,
		SenderMAC: vmac.String(), SenderIP: vip.String(), TargetMAC: mac.String(), TargetIP: ip,
	}
}

func TestWhatBecomesOfAFrame(t *testing.T) {
	ask := request(clientMAC, clientIP, vip)
	zero := netip.IPv4Unspecified()
	for name, tc := range map[string]struct {
		frame  frame
		reason Reason
		reply  *seen
	}{
		"broadcast request": {ask, Answered, answerTo(clientMAC, "192.0.2.7")},
		"request to the vmac": {ask.with(func(f *frame) { f.eth.DstMAC = vmac.HardwareAddr() }),
			Answered, answerTo(clientMAC, "192.0.2.7")},
		"request to the card": {ask.with(func(f *frame) { f.eth.DstMAC = nicMAC.HardwareAddr() }),
			Answered, answerTo(clientMAC, "192.0.2.7")},
		"request to another host": {ask.with(func(f *frame) { f.eth.DstMAC = foreignMAC.HardwareAddr() }), OtherHost, nil},
		"address probe":           {request(clientMAC, zero, vip), ProbeDefended, answerTo(clientMAC, "0.0.0.0")},
		"another node's vip":      {request(clientMAC, clientIP, otherVIP), NotElected, nil},
		"no vip":                  {request(clientMAC, clientIP, netip.MustParseAddr("192.0.2.1")), NotBound, nil},
		"reply":                   {ask.with(func(f *frame) { f.arp.Operation = layers.ARPReply }), NotRequest, nil},
		"unknown operation":       {ask.with(func(f *frame) { f.arp.Operation = 9 }), NotRequest, nil},
		"own frame":               {ask.with(func(f *frame) { f.eth.SrcMAC = nicMAC.HardwareAddr() }), OwnFrame, nil},
		"hardware type":           {ask.with(func(f *frame) { f.arp.AddrType = 6 }), BadHardwareType, nil},
		"protocol type":           {ask.with(func(f *frame) { f.arp.Protocol = layers.EthernetTypeIPv6 }), BadProtocolType, nil},
		"ipv6 inside": {ask.with(func(f *frame) {
			f.arp.ProtAddressSize = 16
			f.arp.SourceProtAddress, f.arp.DstProtAddress = make([]byte, 16), make([]byte, 16)
		}), BadLength, nil},
		"eight-byte hardware": {ask.with(func(f *frame) {
			f.arp.HwAddressSize = 8
			f.arp.SourceHwAddress, f.arp.DstHwAddress = make([]byte, 8), make([]byte, 8)
		}), BadLength, nil},
		"sender broadcast":                    {request(broadcast, clientIP, vip).with(fromClient), BadSender, nil},
		"sender zero":                         {request(config.MAC{}, clientIP, vip).with(fromClient), BadSender, nil},
		"sender ip multicast":                 {request(clientMAC, netip.MustParseAddr("224.0.0.1"), vip), BadSender, nil},
		"sender ip broadcast":                 {request(clientMAC, netip.MustParseAddr("255.255.255.255"), vip), BadSender, nil},
		"farm's announcement":                 {request(vmac, vip, vip).with(fromClient), Announcement, nil},
		"foreign announcement":                {request(foreignMAC, vip, vip), Conflict, nil},
		"foreign claim with a group address":  {request(groupVMAC, vip, vip).with(fromClient), Conflict, nil},
		"claim of a vip without an address":   {request(config.MAC{}, vip, vip).with(fromClient), BadSender, nil},
		"foreign reply":                       {request(foreignMAC, vip, clientIP).with(func(f *frame) { f.arp.Operation = layers.ARPReply }), Conflict, nil},
		"foreign claim of another node's vip": {request(foreignMAC, otherVIP, vip), Conflict, nil},
	} {
		t.Run(name, func(t *testing.T) {
			wire := newFakeConn()
			r := responderOn(t, wire, Options{})
			bind(t, r)
			if got := step(t, r, arpFrame(tc.frame), time.Unix(1, 0)); got != tc.reason {
				t.Errorf("reason = %v, want %v", got, tc.reason)
			}
			var got *seen
			replies := 0
			for _, b := range wire.sent() {
				s := parse(t, b)
				if s.EthDst == broadcast.String() && tc.reason == Conflict {
					continue // the defence
				}
				got = &s
				replies++
			}
			if diff := cmp.Diff(tc.reply, got); diff != "" || replies > 1 {
				t.Errorf("%d replies; (-want +got):\n%s", replies, diff)
			}
		})
	}
}

// fromClient keeps the Ethernet source a client's, whatever the payload says.
func fromClient(f *frame) { f.eth.SrcMAC = clientMAC.HardwareAddr() }

func bind(t testing.TB, r *Responder) {
	t.Helper()
	if err := r.SetBindings([]Binding{{Address: vip, MAC: vmac}}, []Binding{{Address: vip, MAC: vmac}, {Address: otherVIP, MAC: otherVMAC}}); err != nil {
		t.Fatal(err)
	}
}

// However many ask, there are so many answers; and a machine that asks without end
// leaves the others theirs.
func TestAnswersAreLimited(t *testing.T) {
	const asked = 4 * answersPerSecond // in one second
	tests := []struct {
		name        string
		machines    int
		least, most int
	}{
		{"one", 1, answersPerAsker, answersPerAsker + answersBurstPerAsker},
		{"many", 1000, answersPerSecond, answersPerSecond + answersBurst},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire := newFakeConn()
			r := responderOn(t, wire, Options{})
			bind(t, r)
			counts := map[Reason]int{}
			for i := range asked {
				ask := arpFrame(request(asker(i%tt.machines), clientIP, vip))
				counts[step(t, r, ask, time.Unix(5, int64(i)*int64(time.Second)/asked))]++
			}
			answered := len(wire.sent())
			if answered < tt.least || answered > tt.most {
				t.Errorf("%d answers in a second, want %d to %d", answered, tt.least, tt.most)
			}
			if counts[Answered] != answered || counts[RateLimited] != asked-answered {
				t.Errorf("reasons = %v, sent = %d", counts, answered)
			}
		})
	}
}

func TestOneWhoAsksWithoutEndLeavesTheOthersTheirAnswers(t *testing.T) {
	r := responderOn(t, newFakeConn(), Options{})
	bind(t, r)
	flooder := 0
	other := 1
	for r.limit.number(asker(other)) == r.limit.number(asker(flooder)) {
		other++
	}
	flood, ask := arpFrame(request(asker(flooder), clientIP, vip)), arpFrame(request(asker(other), clientIP, vip))
	for i := range 4 * answersPerSecond {
		now := time.Unix(5, int64(i)*int64(time.Second)/(4*answersPerSecond))
		step(t, r, flood, now)
		if i%100 == 99 {
			if got := step(t, r, ask, now); got != Answered {
				t.Fatalf("after %d questions of another machine: %v, want %v", i+1, got, Answered)
			}
		}
	}
}

// asker is the Ethernet address of one of many machines.
func asker(i int) config.MAC { return config.MAC{2, 0, 0, 1, byte(i >> 8), byte(i)} }

func TestARefusedReplyIsCountedAsSuch(t *testing.T) {
	wire := newFakeConn()
	wire.writeErr = unix.ENOBUFS
	r := responderOn(t, wire, Options{})
	bind(t, r)
	if got := step(t, r, arpFrame(request(clientMAC, clientIP, vip)), time.Unix(1, 0)); got != SendFailed {
		t.Errorf("reason = %v, want %v", got, SendFailed)
	}
}

func TestConflictsAreReportedOncePerVIPAndInterval(t *testing.T) {
	type claim struct {
		VIP netip.Addr
		MAC config.MAC
	}
	var got []claim
	r := responderOn(t, newFakeConn(), Options{Conflict: func(a netip.Addr, m config.MAC) { got = append(got, claim{a, m}) }})
	bind(t, r)
	for _, at := range []int64{0, 1, 9, 10, 11} {
		step(t, r, arpFrame(request(foreignMAC, vip, vip)), time.Unix(at, 0))
	}
	step(t, r, arpFrame(request(clientMAC, otherVIP, otherVIP)), time.Unix(12, 0))
	want := []claim{{vip, foreignMAC}, {vip, foreignMAC}, {otherVIP, clientMAC}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// The node that answers for a VIP says so when another machine claims it, at most
// once in 10 s however often that one does; the other nodes only report it.
func TestTheResponderDefendsItsVIPs(t *testing.T) {
	wire := newFakeConn()
	r := responderOn(t, wire, Options{})
	bind(t, r)
	claim := arpFrame(request(foreignMAC, vip, vip))
	for _, at := range []int64{0, 1, 9, 10, 19} {
		step(t, r, claim, time.Unix(at, 0))
	}
	step(t, r, arpFrame(request(foreignMAC, otherVIP, otherVIP)), time.Unix(30, 0)) // another node's
	var got []seen
	for _, b := range wire.sent() {
		got = append(got, parse(t, b))
	}
	if len(got) != 4 || r.Counters().Defences != 2 {
		t.Fatalf("%d frames in %d defences, want 2 of both forms: %+v", len(got), r.Counters().Defences, got)
	}
	for _, s := range got {
		if s.SenderIP != vip.String() || s.SenderMAC != vmac.String() || s.EthSrc != nicMAC.String() || s.EthDst != broadcast.String() {
			t.Errorf("defence = %+v", s)
		}
	}
	if got := step(t, r, arpFrame(request(clientMAC, clientIP, vip)), time.Unix(31, 0)); got != Answered {
		t.Errorf("after the conflict: %v, want the VIP served on", got)
	}
}

func TestSetBindings(t *testing.T) {
	wire := newFakeConn()
	r := responderOn(t, wire, Options{})
	ask := arpFrame(request(clientMAC, clientIP, vip))
	now := time.Unix(1, 0)
	if got := step(t, r, ask, now); got != NotBound {
		t.Errorf("before any bindings: %v", got)
	}
	mapped := netip.AddrFrom16(vip.As16()) // as a dual-stack socket would give it
	if err := r.SetBindings([]Binding{{Address: mapped, MAC: vmac}}, nil); err != nil {
		t.Fatal(err)
	}
	if got := step(t, r, ask, now); got != Answered {
		t.Errorf("4-in-6 address: %v", got)
	}
	for name, wrong := range map[string][]Binding{
		"ipv6":         {{Address: netip.MustParseAddr("2001:db8::1"), MAC: vmac}},
		"no address":   {{Address: netip.Addr{}, MAC: vmac}},
		"no mac":       {{Address: vip, MAC: config.MAC{}}},
		"contradicted": {{Address: vip, MAC: vmac}, {Address: vip, MAC: otherVMAC}},
	} {
		if err := r.SetBindings(wrong, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := r.SetBindings(nil, wrong); err == nil {
			t.Errorf("%s, watched: no error", name)
		}
	}
	if err := r.SetBindings([]Binding{{Address: vip, MAC: vmac}}, []Binding{{Address: vip, MAC: otherVMAC}}); err == nil {
		t.Error("answer and watch contradict one another: no error")
	}
	if got := step(t, r, ask, now); got != Answered {
		t.Errorf("after refused bindings: %v, want the old ones to hold", got)
	}
	if err := r.SetBindings(nil, []Binding{{Address: vip, MAC: vmac}}); err != nil {
		t.Fatal(err)
	}
	if got := step(t, r, ask, now); got != NotElected {
		t.Errorf("after another node was elected: %v", got)
	}
}

// groupVMAC is a VMAC of mode multicast.
var groupVMAC = config.MAC{0x03, 0xbf, 0xc0, 0x00, 0x02, 0x64}

// A VMAC may be a group address: then it stands in the payload, never in the
// Ethernet header, and the other nodes' announcements of it are no conflict.
func TestGroupVMAC(t *testing.T) {
	wire := newFakeConn()
	r := responderOn(t, wire, Options{Conflict: func(netip.Addr, config.MAC) { t.Error("a conflict") }})
	if err := r.SetBindings([]Binding{{Address: vip, MAC: groupVMAC}}, []Binding{{Address: vip, MAC: groupVMAC}, {Address: otherVIP, MAC: groupVMAC}}); err != nil {
		t.Fatal(err)
	}
	ask := arpFrame(request(clientMAC, clientIP, vip))
	again := arpFrame(request(clientMAC, clientIP, vip).with(func(f *frame) { f.eth.DstMAC = groupVMAC.HardwareAddr() }))
	for i, frame := range [][]byte{ask, again} {
		if got := step(t, r, frame, time.Unix(int64(i), 0)); got != Answered {
			t.Errorf("reason = %v", got)
		}
	}
	if got := step(t, r, arpFrame(request(groupVMAC, otherVIP, otherVIP).with(fromClient)), time.Unix(3, 0)); got != Announcement {
		t.Errorf("another node's announcement is %v", got)
	}
	sent := wire.sent()
	if len(sent) != 2 {
		t.Fatalf("%d replies, want 2", len(sent))
	}
	for _, b := range sent {
		if source, claimed := config.MAC(b[6:12]), config.MAC(b[22:28]); source != nicMAC || claimed != groupVMAC {
			t.Errorf("a reply from %v claims %v", source, claimed)
		}
	}
}

// Who sends a claim with the right VMAC is told: it may be another farm's node. In mode
// directed the claim names the node itself.
func TestWhoClaimsWithTheVMACIsTold(t *testing.T) {
	type told struct {
		vip    netip.Addr
		source config.MAC
	}
	var got []told
	r := responderOn(t, newFakeConn(), Options{Claimed: func(vip netip.Addr, source config.MAC) { got = append(got, told{vip, source}) }})
	watch := []Binding{{Address: vip, MAC: vmac}, {Address: otherVIP, MAC: otherVMAC, Directed: true}}
	if err := r.SetBindings(nil, watch); err != nil {
		t.Fatal(err)
	}
	for _, f := range []frame{
		request(vmac, vip, vip).with(func(f *frame) { f.eth.SrcMAC = foreignMAC.HardwareAddr() }),
		request(foreignMAC, vip, vip),
		request(otherVMAC, otherVIP, otherVIP).with(fromClient),
		request(clientMAC, clientIP, vip),
	} {
		step(t, r, arpFrame(f), time.Unix(1, 0))
	}
	if want := []told{{vip, foreignMAC}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// A VIP in mode directed moves from node to node: another node's claim is none of a
// foreign machine, that of any other is, and so is a node's claim of another VIP.
// TestFormerAddressIsNoConflict: a node whose mode has not been changed yet answers as
// before.
func TestFormerAddressIsNoConflict(t *testing.T) {
	r := responderOn(t, newFakeConn(), Options{})
	former := vmac
	former[5]++
	if err := r.SetBindings(nil, []Binding{{Address: vip, MAC: vmac, Former: former}}); err != nil {
		t.Fatal(err)
	}
	for mac, want := range map[config.MAC]Reason{vmac: Announcement, former: Announcement, foreignMAC: Conflict, {}: Conflict} {
		if got := r.table.Load().judge(message{sender: vip, senderMAC: mac}, nicMAC); got != want {
			t.Errorf("%v claims it: %v, want %v", mac, got, want)
		}
	}
}

func TestNodesMayClaimDirectedVIPs(t *testing.T) {
	wire := newFakeConn()
	told := 0
	r := responderOn(t, wire, Options{Conflict: func(netip.Addr, config.MAC) { told++ }})
	watch := []Binding{{Address: vip, MAC: vmac, Directed: true}, {Address: otherVIP, MAC: otherVMAC}}
	if err := r.SetBindings(watch[:1], watch); err != nil {
		t.Fatal(err)
	}
	claim := func(address netip.Addr, mac config.MAC) Reason {
		return step(t, r, arpFrame(request(mac, address, address)), time.Unix(1, 0))
	}
	if got := claim(vip, foreignMAC); got != Announcement || told != 0 {
		t.Errorf("while the nodes are unknown: %v, told %d times", got, told)
	}
	r.SetFarm([]config.MAC{clientMAC})
	if got := claim(vip, foreignMAC); got != Conflict || told != 1 {
		t.Errorf("by a machine that is no node: %v, told %d times", got, told)
	}
	r.SetFarm([]config.MAC{clientMAC, foreignMAC})
	if got := claim(vip, foreignMAC); got != Announcement || told != 1 {
		t.Errorf("by a node: %v, told %d times", got, told)
	}
	if got := claim(otherVIP, foreignMAC); got != Conflict || told != 2 {
		t.Errorf("of a VIP in another mode: %v, told %d times", got, told)
	}
}
