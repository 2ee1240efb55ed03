package flows

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/internal/netnstest"
	"thresher/pipeline"
)

var (
	vip   = netip.MustParseAddr("192.0.2.100")
	vip2  = netip.MustParseAddr("192.0.2.101")
	vip6  = netip.MustParseAddr("2001:db8::100")
	other = netip.MustParseAddr("192.0.2.11")
)

// machine is a network namespace with the VIPs and another address on lo.
type machine struct {
	*netnstest.NS
	t testing.TB
}

func newMachine(t testing.TB) *machine {
	m := &machine{netnstest.New(t), t}
	for _, a := range []netip.Addr{vip, vip2, other} {
		m.Addr(t, "lo", a.String()+"/32")
	}
	m.Addr(t, "lo", vip6.String()+"/128")
	return m
}

// open opens the namespace's table.
func (m *machine) open(vips ...netip.Addr) *Table {
	m.t.Helper()
	var table *Table
	m.Do(m.t, func() (err error) { table, err = Open(vips); return err })
	m.t.Cleanup(func() {
		if err := table.Close(); err != nil {
			m.t.Error(err)
		}
	})
	return table
}

// listen listens, with an option or without.
func (m *machine) listen(address netip.AddrPort, option func(fd int) error) net.Listener {
	m.t.Helper()
	var l net.Listener
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if option != nil {
			err = errors.Join(raw.Control(func(fd uintptr) { err = option(int(fd)) }), err)
		}
		return err
	}}
	m.Do(m.t, func() (err error) { l, err = c.Listen(m.t.Context(), "tcp", address.String()); return err })
	m.t.Cleanup(func() { l.Close() })
	return l
}

// dial connects from an address to a server.
func (m *machine) dial(from netip.Addr, to netip.AddrPort) *net.TCPConn {
	m.t.Helper()
	var c net.Conn
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	m.Do(m.t, func() (err error) { c, err = d.Dial("tcp", to.String()); return err })
	m.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// accept connects and returns both ends.
func (m *machine) accept(l net.Listener, from netip.Addr, to netip.AddrPort) (client, server *net.TCPConn) {
	m.t.Helper()
	client = m.dial(from, to)
	c, err := l.Accept()
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { c.Close() })
	return client, c.(*net.TCPConn)
}

// all returns every flow once.
func all(t testing.TB, table *Table) []Flow {
	t.Helper()
	set := make(map[Flow]bool)
	if err := table.Each(func(f Flow) { set[f] = true }); err != nil {
		t.Fatal(err)
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b Flow) int {
		return a.Client.Compare(b.Client)*2 + a.Server.Compare(b.Server)
	})
}

// await lists until the wanted flow is there: the kernel ends a connection in
// its own time.
func await(t *testing.T, table *Table, want Flow) {
	t.Helper()
	var flows []Flow
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if flows = all(t, table); slices.Contains(flows, want) {
			return
		}
	}
	t.Errorf("%v is not among %v", want, flows)
}

func localOf(c net.Conn) netip.AddrPort { return c.LocalAddr().(*net.TCPAddr).AddrPort() }

// Every state of a connection is seen, listening is not.
func TestStates(t *testing.T) {
	m := newMachine(t)
	table := m.open(vip)
	web := netip.AddrPortFrom(vip, 80)
	l := m.listen(web, nil)
	if got := all(t, table); len(got) != 0 {
		t.Fatalf("with a listener only: %v", got)
	}

	t.Run("established", func(t *testing.T) {
		c, _ := m.accept(l, other, web)
		await(t, table, Flow{localOf(c), web, Established})
	})
	t.Run("close wait", func(t *testing.T) {
		c, _ := m.accept(l, other, web)
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		await(t, table, Flow{localOf(c), web, CloseWait})
	})
	t.Run("fin wait 2", func(t *testing.T) {
		c, s := m.accept(l, other, web)
		if err := s.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		await(t, table, Flow{localOf(c), web, FinWait2})
	})
	t.Run("fin wait 2 without a process", func(t *testing.T) {
		c, s := m.accept(l, other, web)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, table, Flow{localOf(c), web, FinWait2})
	})
	t.Run("time wait", func(t *testing.T) {
		c, s := m.accept(l, other, web)
		client := localOf(c)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, table, Flow{client, web, TimeWait})
	})
	t.Run("syn received", func(t *testing.T) {
		c := m.halfOpen(netip.AddrPortFrom(vip, 81))
		await(t, table, Flow{c, netip.AddrPortFrom(vip, 81), SynRecv})
	})
}

// halfOpen makes a handshake that is not done: the server defers it until data
// come (tcp(7), TCP_DEFER_ACCEPT), and keeps it as it keeps one whose last ACK is
// missing.
func (m *machine) halfOpen(to netip.AddrPort) netip.AddrPort {
	m.listen(to, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30)
	})
	return localOf(m.dial(other, to))
}

// Only the VIPs' sockets are listed, whatever the family of the socket.
func TestAddresses(t *testing.T) {
	m := newMachine(t)
	any := netip.AddrPortFrom(netip.IPv6Unspecified(), 8080)
	l := m.listen(any, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0) })
	at := func(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, 8080) }
	client := make(map[netip.Addr]netip.AddrPort)
	for _, a := range []netip.Addr{vip, vip2, other, vip6} {
		from := other
		if a.Is6() {
			from = vip6
		}
		c, _ := m.accept(l, from, at(a))
		client[a] = localOf(c)
	}
	flow := func(a netip.Addr) Flow { return Flow{client[a], at(a), Established} }
	// The client of vip6 is on it too.
	back := Flow{at(vip6), client[vip6], Established}
	mapped := netip.AddrFrom16(vip2.As16())
	for _, tt := range []struct {
		name string
		vips []netip.Addr
		want []Flow
	}{
		{"none", nil, nil},
		{"one", []netip.Addr{vip}, []Flow{flow(vip)}},
		{"two, one mapped", []netip.Addr{vip, mapped}, []Flow{flow(vip), flow(vip2)}},
		{"IPv6", []netip.Addr{vip6}, []Flow{flow(vip6), back}},
		{"both families", []netip.Addr{vip6, vip2}, []Flow{flow(vip2), flow(vip6), back}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := all(t, m.open(tt.vips...))
			slices.SortFunc(tt.want, func(a, b Flow) int {
				return a.Client.Compare(b.Client)*2 + a.Server.Compare(b.Server)
			})
			if diff := cmp.Diff(fmt.Sprint(tt.want), fmt.Sprint(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The most VIPs that a farm may have make a program that the kernel takes, and
// that finds the last of them.
func TestManyVIPs(t *testing.T) {
	m := newMachine(t)
	web := netip.AddrPortFrom(vip, 80)
	c, _ := m.accept(m.listen(web, nil), other, web)
	var vips []netip.Addr
	for i := range config.MaxVIPs - 1 {
		vips = append(vips, netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}))
	}
	if got := all(t, m.open(vips...)); len(got) != 0 {
		t.Errorf("with %d other VIPs: %v", len(vips), got)
	}
	if got, want := all(t, m.open(append(vips, vip)...)), []Flow{{localOf(c), web, Established}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func testRules(t testing.TB) *pipeline.Rules {
	t.Helper()
	ports := func(first, last uint16) []config.PortRange { return []config.PortRange{{First: first, Last: last}} }
	r, err := pipeline.Compile([]config.VIP{{Address: vip}, {Address: vip2}}, []config.Rule{
		{Name: "dns", Protocol: config.UDP, Ports: ports(80, 80), Affinity: config.Client},
		{Name: "web", Protocol: config.TCP, Ports: ports(80, 80), Affinity: config.Session},
		{Name: "late", Protocol: config.TCP, Ports: ports(81, 98), Affinity: config.Client},
	}, config.HashKey{Function: config.Multilinear, Secret: [16]byte{1}}, config.MAC{2})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScan(t *testing.T) {
	m := newMachine(t)
	table, rules := m.open(vip), testRules(t)
	web, late := netip.AddrPortFrom(vip, 80), netip.AddrPortFrom(vip, 81)
	l := m.listen(web, nil)
	var clients []netip.AddrPort
	for range 5 {
		c, _ := m.accept(l, other, web)
		clients = append(clients, localOf(c))
	}
	open := m.halfOpen(late)
	outside := netip.AddrPortFrom(vip, 99)
	m.accept(m.listen(outside, nil), other, outside)
	await(t, table, Flow{open, late, SynRecv})

	found, err := table.Scan(rules)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 5, 1}; !slices.Equal(found.Flows, want) || found.Outside != 1 {
		t.Errorf("%v flows and %d outside, want %v and 1", found.Flows, found.Outside, want)
	}
	if found.Buckets[0] != nil || found.Buckets[2].Len() != 1 || found.Buckets[1].Len() > 5 {
		t.Errorf("buckets %v", found.Buckets)
	}
	for _, c := range clients {
		if b := rules.Place(c, 1).Bucket; !found.Buckets[1].Has(int(b)) {
			t.Errorf("bucket %d of %v is missing", b, c)
		}
	}
	if !found.Buckets[2].Has(int(rules.Place(open, 2).Bucket)) {
		t.Error("the half-open handshake's bucket is missing")
	}
	if counts, err := table.Count(rules); err != nil || !slices.Equal(counts, found.Flows) {
		t.Errorf("counted %v, %v", counts, err)
	}
}

func TestHalfOpen(t *testing.T) {
	m := newMachine(t)
	table := m.open(vip, vip2)
	web := netip.AddrPortFrom(vip, 80)
	m.accept(m.listen(web, nil), other, web)
	a, b := netip.AddrPortFrom(vip, 81), netip.AddrPortFrom(vip2, 81)
	tuples := []handover.Tuple{{Client: m.halfOpen(a), Server: a}, {Client: m.halfOpen(b), Server: b}}
	for _, tup := range tuples {
		await(t, table, Flow{tup.Client, tup.Server, SynRecv})
	}
	onVIP2 := func(f Flow) bool { return f.Server.Addr() == vip2 }
	every := func(Flow) bool { return true }
	if got, err := table.HalfOpen(onVIP2, 10); err != nil || !slices.Equal(got, tuples[1:]) {
		t.Errorf("on one VIP: %v, %v, want %v", got, err, tuples[1:])
	}
	if got, err := table.HalfOpen(every, 10); err != nil || len(got) != 2 {
		t.Errorf("all: %v, %v, want %v", got, err, tuples)
	}
	if got, err := table.HalfOpen(every, 1); err != nil || len(got) != 1 {
		t.Errorf("at most one: %v, %v", got, err)
	}
}

func TestAfterClose(t *testing.T) {
	m := newMachine(t)
	table := m.open(vip)
	for range 2 {
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Each(func(Flow) {}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}
