package pipeline

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"thresher/config"
)

// TestLocate: what a packet is said to belong to is what Place and Find say of its
// client and port.
func TestLocate(t *testing.T) {
	table := testTable(t, true)
	web, ok := table.Find(config.TCP, vipA.Address, 80)
	if !ok {
		t.Fatal("no rule for port 80")
	}
	place := table.Place(netip.AddrPortFrom(client, 40000), web)
	whole := Location{Client: client, Rule: web, Bucket: place.Bucket, Placed: true}
	echo := Location{Client: client, Rule: len(table.Affinities), Bucket: table.hash.bucket(client, 0), Placed: true}
	nowhere := Location{Client: client, Rule: RuleNone}
	for name, tt := range map[string]struct {
		frame []byte
		want  Location
	}{
		"a rule's":       {tcpFrame(40000, 80).bytes(t), whole},
		"an echo":        {icmpFrame(8).bytes(t), echo},
		"an error":       {icmpFrame(3).bytes(t), nowhere},
		"no rule's":      {tcpFrame(40000, 4321).bytes(t), nowhere},
		"port 0":         {tcpFrame(0, 80).bytes(t), nowhere},
		"no VIP":         {tcpFrame(40000, 80).patch(func(b []byte) []byte { b[33] += 2; return b }).bytes(t), nowhere},
		"cut":            {tcpFrame(40000, 80).bytes(t)[:36], nowhere},
		"no IP header":   {tcpFrame(40000, 80).bytes(t)[:20], Location{Rule: RuleNone}},
		"no header":      {nil, Location{Rule: RuleNone}},
		"ARP":            {arpFrame(t, vipA.MAC, vipA), Location{Rule: RuleNone}},
		"a first part":   {parts(t, bigUDP(40000, 4000), 1480)[0], table.Locate(bigUDP(40000, 4000).bytes(t))},
		"a further part": {parts(t, bigUDP(40000, 4000), 1480)[1], nowhere},
	} {
		if got := table.Locate(tt.frame); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	for _, seed := range seeds6(t) {
		if l := table.Locate(seed); !l.Client.Is6() {
			t.Errorf("%x: %+v", seed, l)
		}
	}
}

// TestLocationExplainsTheVerdict: a bucket that is a node's is what it accepts.
func TestLocationExplainsTheVerdict(t *testing.T) {
	half := &Part{}
	for b := range Buckets / 2 {
		half.Mine.Set(uint16(2 * b))
	}
	table := testTable(t, true)
	table = NewTable(table.Rules, &Share{Rules: slices.Repeat([]*Part{half}, len(table.Affinities)), Echo: half})
	random := rand.New(rand.NewPCG(5, 6))
	met := make(map[Reason]int)
	for range 2000 {
		frame := tcpFrame(uint16(1+random.IntN(65535)), 80).bytes(t)
		l := table.Locate(frame)
		got := table.Judge(frame, Facts{}, goodLease)
		met[got]++
		if mine := table.standing(l.Rule, l.Bucket).mine; !l.Placed || mine != (got == Accepted) {
			t.Fatalf("%+v is this node's: %v, but %s", l, mine, got)
		}
	}
	if met[Accepted] == 0 || met[NotMine] == 0 {
		t.Errorf("met %v", met)
	}
}

func FuzzLocate(f *testing.F) {
	for _, seed := range append(seeds6(f), tcpFrame(40000, 80).bytes(f), icmpFrame(8).bytes(f), arpFrame(f, vipA.MAC, vipA), parts(f, bigUDP(40000, 4000), 1480)[0]) {
		f.Add(seed)
	}
	table := testTable(f, true)
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := slices.Clone(frame)
		l := table.Locate(frame)
		if !slices.Equal(before, frame) {
			t.Fatal("the frame has changed")
		}
		if l.Placed && (l.Rule > len(table.Affinities) || !l.Client.IsValid()) {
			t.Fatalf("%+v", l)
		}
	})
}

// TestLeft: who looks sees what leaves a lot, by its last verdict.
func TestLeft(t *testing.T) {
	lot := NewLot(4)
	var left []Reason
	frame := tcpFrame(40000, 80).bytes(t)
	lot.Left = func(packet []byte, reason Reason) {
		left = append(left, reason)
		if !slices.Equal(packet, frame) {
			t.Errorf("left: %x, parked: %x", packet, frame)
		}
	}
	lot.Park(frame, Facts{}, 0)
	lot.Review()
	lot.Release(testTable(t, true), Lease{Deadline: 1 << 62, Now: int64(2 * LotAge)}, make([]byte, LotPacketLen))
	if !slices.Equal(left, []Reason{Late}) {
		t.Errorf("left: %v", left)
	}
}

// Martian is of one mind with the verdict: what it says of a source is what comes of
// its packets, and a VIP is nobody's source.
func TestMartianSources(t *testing.T) {
	table := testTable(t, true)
	for _, addr := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "1.0.0.0", "126.1.2.3", "128.0.0.1", "223.255.255.255", vipA.Address.String()} {
		from := netip.MustParseAddr(addr)
		frame := tcpFrame(40000, 80).patch(func(b []byte) []byte { copy(b[26:], from.AsSlice()); return b }).bytes(t)
		if got, want := table.Martian(from), !table.Locate(frame).Placed; got != want {
			t.Errorf("%v: martian %v, its packets are dropped: %v", from, got, want)
		}
	}
	for addr, want := range map[string]bool{"::": true, "::1": true, "ff02::1": true, "2001:db8::7": false, "fe80::1": false} {
		if got := table.Martian(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: martian %v", addr, got)
		}
	}
}
