package flows

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/pipeline"
)

var (
	outside = netip.MustParseAddr("198.51.100.7")
	inside  = netip.MustParseAddr("10.0.0.7")
	inside6 = netip.MustParseAddr("2001:db8:1::7")
)

// entry is an entry for conntrack: a flow that is sent on to a machine inside.
// state is one of conntrack's numbers.
type entry struct {
	protocol       config.Protocol
	client, server netip.AddrPort
	state          uint8
}

// track puts entries into the namespace's conntrack.
func (m *machine) track(entries ...entry) {
	m.t.Helper()
	m.Do(m.t, func() error {
		for _, e := range entries {
			if err := create(e); err != nil {
				return fmt.Errorf("%+v: %w", e, err)
			}
		}
		return nil
	})
}

func create(e entry) error {
	family, server := unix.AF_INET, inside
	if e.server.Addr().Is6() {
		family, server = unix.AF_INET6, inside6
	}
	c := &netlink.ConntrackFlow{
		FamilyType: uint8(family), TimeOut: 600,
		Forward: netlink.IPTuple{Protocol: uint8(e.protocol), SrcIP: e.client.Addr().AsSlice(), SrcPort: e.client.Port(),
			DstIP: e.server.Addr().AsSlice(), DstPort: e.server.Port()},
		Reverse: netlink.IPTuple{Protocol: uint8(e.protocol), SrcIP: server.AsSlice(), SrcPort: e.server.Port(),
			DstIP: e.client.Addr().AsSlice(), DstPort: e.client.Port()},
	}
	if e.protocol == config.TCP {
		c.ProtoInfo = &netlink.ProtoInfoTCP{State: e.state}
	}
	return netlink.ConntrackCreate(netlink.ConntrackTable, netlink.InetFamily(family), c)
}

// forwarding opens the namespace's tables, conntrack's too.
func (m *machine) forwarding(vips ...netip.Addr) *Table {
	m.t.Helper()
	var table *Table
	m.Do(m.t, func() (err error) { table, err = Open(vips, vips...); return err })
	m.t.Cleanup(func() {
		if err := table.Close(); err != nil {
			m.t.Error(err)
		}
	})
	return table
}

// tracked returns every entry once, by client.
func tracked(t testing.TB, table *Table) []Tracked {
	t.Helper()
	set := make(map[Tracked]bool)
	if err := table.EachTracked(func(f Tracked) { set[f] = true }); err != nil {
		t.Fatal(err)
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b Tracked) int { return a.Client.Compare(b.Client) })
}

func client(port uint16) netip.AddrPort { return netip.AddrPortFrom(outside, port) }

// Every state is listed under a socket's name, what is over is not.
func TestTrackedStates(t *testing.T) {
	m := newMachine(t)
	table := m.forwarding(vip)
	web, dns := netip.AddrPortFrom(vip, 80), netip.AddrPortFrom(vip, 53)
	if got := tracked(t, table); len(got) != 0 {
		t.Fatalf("in an empty namespace: %v", got)
	}
	var want []Tracked
	for state, s := range map[uint8]State{
		1: SynRecv, 2: SynRecv, 3: Established, 4: FinWait1, 5: CloseWait, 6: LastAck, 7: TimeWait, 8: 0, 9: SynRecv,
	} {
		m.track(entry{config.TCP, client(1000 + uint16(state)), web, state})
		if s != 0 {
			want = append(want, Tracked{config.TCP, client(1000 + uint16(state)), web, s})
		}
	}
	m.track(entry{config.UDP, client(2000), dns, 0}, entry{config.Protocol(132), client(2001), web, 0})
	want = append(want, Tracked{config.UDP, client(2000), dns, 0})
	slices.SortFunc(want, func(a, b Tracked) int { return a.Client.Compare(b.Client) })
	if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(tracked(t, table))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Only entries to the VIPs are listed, by the destination that the client sent to.
func TestTrackedAddresses(t *testing.T) {
	m := newMachine(t)
	at := func(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, 80) }
	client6 := netip.MustParseAddrPort("[2001:db8:2::1]:1004")
	m.track(
		entry{config.TCP, client(1001), at(vip), 3}, entry{config.TCP, client(1002), at(vip2), 3},
		entry{config.TCP, client(1003), at(other), 3}, entry{config.TCP, client6, at(vip6), 3},
		// The machine's own, to a VIP's address as it were behind the answer.
		entry{config.TCP, netip.AddrPortFrom(vip, 1005), at(outside), 3},
	)
	for _, tt := range []struct {
		name string
		vips []netip.Addr
		want []netip.AddrPort
	}{
		{"one", []netip.Addr{vip}, []netip.AddrPort{client(1001)}},
		{"two, one mapped", []netip.Addr{vip, netip.AddrFrom16(vip2.As16())}, []netip.AddrPort{client(1001), client(1002)}},
		{"IPv6", []netip.Addr{vip6}, []netip.AddrPort{client6}},
		{"both families", []netip.Addr{vip6, vip2}, []netip.AddrPort{client(1002), client6}},
	} {
		var got []netip.AddrPort
		for _, f := range tracked(t, m.forwarding(tt.vips...)) {
			got = append(got, f.Client)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := tracked(t, m.open(vip)); len(got) != 0 {
		t.Errorf("a table that forwards nothing lists %v", got)
	}
}

// forwardRules are testRules, of which dns and late forward.
func forwardRules(t testing.TB) *pipeline.Rules {
	r := testRules(t)
	r.Forward = []bool{true, false, true}
	return r
}

func TestScanTracked(t *testing.T) {
	m := newMachine(t)
	table, rules := m.forwarding(vip), forwardRules(t)
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(vip, port) }
	m.track(
		entry{config.UDP, client(1001), at(80), 0}, entry{config.UDP, client(1002), at(80), 0},
		entry{config.TCP, client(1003), at(80), 3}, // web does not forward
		entry{config.TCP, client(1004), at(81), 3}, entry{config.TCP, client(1004), at(82), 2},
		entry{config.TCP, client(1005), at(99), 3}, // of no rule
	)
	c, _ := m.accept(m.listen(at(83), nil), other, at(83)) // a socket on a rule that forwards
	found, err := table.Scan(rules)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{2, 0, 3}; !slices.Equal(found.Flows, want) || found.Outside != 0 {
		t.Errorf("%v flows and %d outside, want %v and 0", found.Flows, found.Outside, want)
	}
	for rule, clients := range map[int][]netip.AddrPort{0: {client(1001), client(1002)}, 2: {client(1004), localOf(c)}} {
		for _, c := range clients {
			if b := rules.Place(c, rule).Bucket; !found.Buckets[rule].Has(int(b)) {
				t.Errorf("bucket %d of %v is missing in rule %d", b, c, rule)
			}
		}
	}
	if found.Buckets[1] != nil {
		t.Error("a rule that does not forward has buckets of entries")
	}
	if counts, err := table.Count(rules); err != nil || !slices.Equal(counts, found.Flows) {
		t.Errorf("counted %v, %v", counts, err)
	}
}

func TestHalfOpenForwarded(t *testing.T) {
	m := newMachine(t)
	table, rules := m.forwarding(vip), forwardRules(t)
	late, dns := netip.AddrPortFrom(vip, 81), netip.AddrPortFrom(vip, 80)
	m.track(
		entry{config.UDP, client(1001), dns, 0}, entry{config.UDP, client(1002), dns, 0},
		entry{config.TCP, client(1003), late, 1}, entry{config.TCP, client(1004), late, 3},
		entry{config.TCP, client(1005), dns, 2}, // web's, which does not forward
	)
	every := func(int, netip.AddrPort) bool { return true }
	open := handover.Tuple{Client: client(1003), Server: late}
	for _, tt := range []struct {
		name    string
		buckets func(rule int, client netip.AddrPort) bool
		limit   int
		want    []handover.Tuple
	}{
		{"all", every, 10, []handover.Tuple{open, {Client: client(1001), Server: dns}, {Client: client(1002), Server: dns}}},
		{"handshakes first", every, 1, []handover.Tuple{open}},
		{"none", every, 0, nil},
		{"one bucket", func(rule int, c netip.AddrPort) bool { return rule == 0 && c == client(1002) }, 10,
			[]handover.Tuple{{Client: client(1002), Server: dns}}},
	} {
		got, err := table.HalfOpenForwarded(rules, tt.buckets, tt.limit)
		slices.SortFunc(got[min(1, len(got)):], func(a, b handover.Tuple) int { return a.Client.Compare(b.Client) })
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestTrackedAfterClose(t *testing.T) {
	m := newMachine(t)
	table := m.forwarding(vip)
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if err := table.EachTracked(func(Tracked) {}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

// populate puts n entries into conntrack, half of them on the VIP.
func populate(m *machine, n int) {
	m.t.Helper()
	entries := make([]entry, n)
	for i := range entries {
		from := netip.AddrFrom4([4]byte{198, 51, byte(i >> 14), 1})
		entries[i] = entry{config.TCP, netip.AddrPortFrom(from, uint16(1024+i&0x3fff)), netip.AddrPortFrom([]netip.Addr{vip, other}[i&1], 80), 3}
	}
	m.track(entries...)
}

// An entry costs no allocation, and none of many is missing.
func TestManyEntries(t *testing.T) {
	m := newMachine(t)
	populate(m, 4000)
	table := m.forwarding(vip)
	n := 0
	count := func(Tracked) { n++ }
	allocs := testing.AllocsPerRun(3, func() {
		n = 0
		if err := table.EachTracked(count); err != nil {
			t.Fatal(err)
		}
	})
	if got := len(tracked(t, table)); got != 2000 {
		t.Errorf("%d entries, want 2000", got)
	}
	if allocs > 2 {
		t.Errorf("%v allocations for %d entries", allocs, n)
	}
}

func BenchmarkEachTracked(b *testing.B) {
	m := newMachine(b)
	populate(m, *socketsFlag)
	table := m.forwarding(vip)
	b.Run("each", func(b *testing.B) {
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			n = 0
			if err := table.EachTracked(func(Tracked) { n++ }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n), "entries")
	})
	b.Run("vishvananda", func(b *testing.B) {
		b.ReportAllocs()
		m.Do(b, func() error {
			for b.Loop() {
				if _, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// FuzzParseTracked: whatever comes, an entry is either refused or whole.
func FuzzParseTracked(f *testing.F) {
	tuple := nested(attrTupleOrig, append(
		nested(tupleIP, append(attribute(ipV4Src, outside.AsSlice()), attribute(ipV4Dst, vip.AsSlice())...)),
		nested(tupleProto, slices.Concat(attribute(protoNum, []byte{6}), []byte{0, 0, 0},
			attribute(protoSrc, []byte{4, 0}), []byte{0, 0}, attribute(protoDst, []byte{0, 80}), []byte{0, 0}))...))
	state := nested(attrProtoInfo, nested(protoInfoTCP, append(attribute(tcpState, []byte{3}), 0, 0, 0)))
	whole := slices.Concat([]byte{unix.AF_INET, 0, 0, 0}, tuple, attribute(attrStatus, []byte{0, 0, 0, 8}), state)
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add([]byte{})
	want := Tracked{config.TCP, client(1024), netip.AddrPortFrom(vip, 80), Established}
	if got, ok := parseTracked(whole); !ok || got != want {
		f.Fatalf("%v, %v, want %v", got, ok, want)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseTracked(b)
		switch {
		case !ok || got.Protocol == 0:
			if got != (Tracked{}) {
				t.Errorf("%v, %v: more than nothing", got, ok)
			}
		case !got.Client.IsValid() || !got.Server.IsValid():
			t.Errorf("%v lacks an address", got)
		case (got.Protocol == config.TCP) != (got.State != 0):
			t.Errorf("%v: a TCP flow, and only one, has a state", got)
		}
	})
}
