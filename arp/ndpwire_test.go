package arp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"

	"thresher/config"
)

// solicitedAnswer is the advertisement that a client must see.
func solicitedAnswer(mac config.MAC, to netip.Addr) *advertised {
	return &advertised{
		EthSrc: nicMAC.String(), EthDst: mac.String(), From: vip6.String(), To: to.String(), Target: vip6.String(),
		HopLimit: 255, Flags: solicitedFlag | overrideFlag, MAC: vmac6.String(),
	}
}

// toEverybody is the advertisement to all nodes.
func toEverybody() *advertised {
	a := solicitedAnswer(everybody6, allNodes())
	a.Flags = overrideFlag
	return a
}

func TestWhatBecomesOfANeighbourMessage(t *testing.T) {
	ask := solicit(clientMAC, client6, vip6)
	zero := netip.IPv6Unspecified()
	options := layers.IPv6Destination{}
	options.NextHeader = layers.IPProtocolICMPv6
	for name, tc := range map[string]struct {
		frame  neighbour
		reason Reason
		answer *advertised
	}{
		"solicitation":                 {ask, Answered, solicitedAnswer(clientMAC, client6)},
		"from a link-local address":    {solicit(clientMAC, link6, vip6), Answered, solicitedAnswer(clientMAC, link6)},
		"unicast to the vmac":          {ask.to(vip6, vmac6), Answered, solicitedAnswer(clientMAC, client6)},
		"unicast to the card":          {ask.to(vip6, nicMAC), Answered, solicitedAnswer(clientMAC, client6)},
		"unicast to another host":      {ask.to(vip6, foreignMAC), OtherHost, nil},
		"without source option":        {ask.with(func(n *neighbour) { n.body = n.body[:20] }), Answered, solicitedAnswer(clientMAC, client6)},
		"with an unknown option":       {ask.with(func(n *neighbour) { n.body = append(n.body, 200, 1, 0, 0, 0, 0, 0, 0) }), Answered, solicitedAnswer(clientMAC, client6)},
		"address probe":                {solicit(clientMAC, zero, vip6), ProbeDefended, toEverybody()},
		"address probe with a nonce":   {solicit(clientMAC, zero, vip6).with(func(n *neighbour) { n.body = append(n.body, 14, 1, 1, 2, 3, 4, 5, 6) }), ProbeDefended, toEverybody()},
		"probe to a unicast address":   {solicit(clientMAC, zero, vip6).to(vip6, vmac6), BadSender, nil},
		"probe with a source option":   {solicit(clientMAC, zero, vip6).with(func(n *neighbour) { n.body = append(n.body, 1, 1, 2, 0, 0, 0, 0, 7) }), BadSender, nil},
		"another node's vip":           {solicit(clientMAC, client6, otherVIP6), NotElected, nil},
		"no vip":                       {solicit(clientMAC, client6, client6), NotBound, nil},
		"multicast target":             {solicit(clientMAC, client6, allNodes()), BadTarget, nil},
		"own frame":                    {ask.with(func(n *neighbour) { n.eth.SrcMAC = nicMAC.HardwareAddr() }), OwnFrame, nil},
		"hop limit 254":                {ask.with(func(n *neighbour) { n.ip.HopLimit = 254 }), BadHopLimit, nil},
		"checksum":                     {ask.with(func(n *neighbour) { n.lie = true }), BadChecksum, nil},
		"code":                         {ask.with(func(n *neighbour) { n.icmp.TypeCode = layers.CreateICMPv6TypeCode(135, 1) }), Malformed, nil},
		"too short":                    {ask.with(func(n *neighbour) { n.body = n.body[:16] }), Malformed, nil},
		"option of length 0":           {ask.with(func(n *neighbour) { n.body[21] = 0 }), Malformed, nil},
		"option beyond the end":        {ask.with(func(n *neighbour) { n.body[21] = 2 }), Malformed, nil},
		"another type":                 {ask.with(func(n *neighbour) { n.icmp.TypeCode = layers.CreateICMPv6TypeCode(128, 0) }), Malformed, nil},
		"router solicitation":          {ask.with(func(n *neighbour) { n.icmp.TypeCode = layers.CreateICMPv6TypeCode(133, 0) }), Malformed, nil},
		"extension header":             {ask.with(func(n *neighbour) { n.ip.NextHeader = layers.IPProtocolIPv6Destination }), Malformed, nil},
		"group source":                 {solicit(clientMAC, allNodes(), vip6), BadSender, nil},
		"source option of a group":     {solicit(everybody6, client6, vip6).with(from6), BadSender, nil},
		"source option zero":           {solicit(config.MAC{}, client6, vip6).with(from6), BadSender, nil},
		"advertisement of another":     {claim(clientMAC, clientMAC, client6), NotRequest, nil},
		"solicited to everybody":       {claim(foreignMAC, foreignMAC, vip6).with(func(n *neighbour) { n.body[0] |= solicitedFlag }), BadTarget, nil},
		"farm's advertisement":         {claim(clientMAC, vmac6, vip6), Announcement, nil},
		"foreign advertisement":        {claim(foreignMAC, foreignMAC, vip6), Conflict, toEverybody()},
		"foreign without option":       {claim(foreignMAC, foreignMAC, vip6).with(func(n *neighbour) { n.body = n.body[:20] }), Conflict, toEverybody()},
		"foreign solicited":            {claim(foreignMAC, foreignMAC, vip6).with(func(n *neighbour) { n.body[0] = solicitedFlag }).to(client6, clientMAC), Conflict, toEverybody()},
		"foreign solicitation":         {solicit(foreignMAC, vip6, client6), Conflict, toEverybody()},
		"claim of another node's vip":  {claim(foreignMAC, foreignMAC, otherVIP6), Conflict, nil},
		"vip's frame by another's mac": {solicit(foreignMAC, vip6, client6).with(func(n *neighbour) { n.body = n.body[:20] }), Conflict, toEverybody()},
	} {
		t.Run(name, func(t *testing.T) {
			wire := newFakeConn()
			r := responder6On(wire, Options{})
			bind6(t, r)
			if got := step6(r, ndpBytes(tc.frame), time.Unix(1, 0)); got != tc.reason {
				t.Errorf("reason = %v, want %v", got, tc.reason)
			}
			var got *advertised
			for _, b := range wire.sent() {
				a := readAdvertisement(t, b)
				got = &a
			}
			if diff := cmp.Diff(tc.answer, got); diff != "" || len(wire.sent()) > 1 {
				t.Errorf("%d advertisements; (-want +got):\n%s", len(wire.sent()), diff)
			}
		})
	}
}

// from6 keeps the Ethernet source a client's, whatever the option says.
func from6(n *neighbour) { n.eth.SrcMAC = clientMAC.HardwareAddr() }

func TestAnnouncementsOfIPv6(t *testing.T) {
	wire := newFakeConn()
	r := responder6On(wire, Options{})
	if err := r.Announce(Binding{Address: vip6, MAC: vmac6}); err != nil {
		t.Fatal(err)
	}
	if len(wire.sent()) != 1 {
		t.Fatalf("%d frames, want one", len(wire.sent()))
	}
	if diff := cmp.Diff(*toEverybody(), readAdvertisement(t, wire.sent()[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGroupsFollowTheBindings(t *testing.T) {
	g := &fakeGroups{}
	r := newResponder(newNDPWire(nicMAC, newFakeConn(), g), nicMAC, Options{})
	bind6(t, r)
	want := []netip.Addr{vip6Group, netip.MustParseAddr("ff02::1:ff00:101")}
	same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, g.joined, same); diff != "" {
		t.Errorf("groups of all VIPs, those of other nodes too (-want +got):\n%s", diff)
	}
	if err := r.Reannounce(); err != nil || g.anew != 1 {
		t.Errorf("after the link came back: %v, groups joined anew %d times", err, g.anew)
	}
	if err := r.SetBindings([]Binding{{Address: vip, MAC: vmac}}, nil); err == nil {
		t.Error("an IPv4 VIP for a responder to IPv6: no error")
	}
}

func TestTheFilterOfNeighbourDiscovery(t *testing.T) {
	vm, err := bpf.NewVM(ndpOnlyProgram())
	if err != nil {
		t.Fatal(err)
	}
	echo := solicit(clientMAC, client6, vip6).with(func(n *neighbour) { n.icmp.TypeCode = layers.CreateICMPv6TypeCode(128, 0) })
	tcp := ndpBytes(solicit(clientMAC, client6, vip6))
	tcp[etherHeaderLen+ip6Next] = 6
	for name, tc := range map[string]struct {
		frame []byte
		pass  bool
	}{
		"solicitation":  {ndpBytes(solicit(clientMAC, client6, vip6)), true},
		"advertisement": {ndpBytes(claim(clientMAC, vmac6, vip6)), true},
		"echo":          {ndpBytes(echo), false},
		"tcp":           {tcp, false},
		"arp":           {arpFrame(request(clientMAC, clientIP, vip)), false},
		"cut":           {ndpBytes(solicit(clientMAC, client6, vip6))[:30], false},
	} {
		got, err := vm.Run(tc.frame)
		if err != nil || (got > 0) != tc.pass {
			t.Errorf("%s: %d bytes let in, %v; want it let in: %v", name, got, err, tc.pass)
		}
	}
	if _, err := ndpOnly(); err != nil {
		t.Errorf("the program does not assemble: %v", err)
	}
}

// FuzzNDP feeds any bytes to the receive step. Whatever comes in, what goes out is
// a proper advertisement of the VMAC by the card, and goes out when the reason
// says so.
func FuzzNDP(f *testing.F) {
	good := ndpBytes(solicit(clientMAC, client6, vip6))
	f.Add(good)
	f.Add(good[:60])
	f.Add(ndpBytes(solicit(clientMAC, netip.IPv6Unspecified(), vip6)))
	f.Add(ndpBytes(claim(foreignMAC, foreignMAC, vip6)))
	f.Add(ndpBytes(claim(clientMAC, vmac6, vip6)))
	f.Fuzz(func(t *testing.T, b []byte) {
		wire := newFakeConn()
		r := responder6On(wire, Options{})
		bind6(t, r)
		reason := step6(r, b, time.Unix(1, 0))
		speaks := reason == Answered || reason == ProbeDefended
		if n := len(wire.sent()); speaks && n != 1 || !speaks && reason != Conflict && n != 0 || n > 1 {
			t.Fatalf("%v, and %d frames", reason, n)
		}
		for _, sent := range wire.sent() {
			got := readAdvertisement(t, sent)
			if got.EthSrc != nicMAC.String() || got.MAC != vmac6.String() || got.Target != vip6.String() || got.HopLimit != 255 {
				t.Fatalf("advertisement = %+v", got)
			}
			if everybody := got.To == "ff02::1"; everybody == (reason == Answered) || everybody != (got.EthDst == everybody6.String()) {
				t.Fatalf("%v, and advertisement = %+v", reason, got)
			}
		}
	})
}
