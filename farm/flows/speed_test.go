package flows

import (
	"flag"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// How many sockets the benchmarks list:
//
//	go test ./farm/flows -run - -bench . -benchtime 20x -flows.sockets 100000
var socketsFlag = flag.Int("flows.sockets", 10_000, "sockets on the VIP in the benchmarks")

// enough is for how many sockets descriptors are asked for. Beyond it they are
// in TIME_WAIT, which needs none.
const enough = 10_000

// crowd makes n sockets on the VIPs: connections from one to the other, so that
// each is two, or what is left of connections. They live as plain descriptors,
// which costs less than net.Conn.
func crowd(t testing.TB, m *machine, n int) {
	t.Helper()
	var fds []int
	t.Cleanup(func() { closeAll(fds) })
	m.Do(t, func() error {
		// A port takes some 28,000 clients of one address (ip_local_port_range), and
		// on loopback new ones take the place of some in TIME_WAIT (tcp_tw_reuse).
		const most = 6000
		for port, made := uint16(80), 0; made < n; port++ {
			if n <= enough {
				some, err := pairs(port, (n-made)/2)
				fds = append(fds, some...)
				if err != nil {
					return err
				}
				made += len(some)
				continue
			}
			for end := min(n, made+most); made < end; {
				some, err := pairs(port, min(end-made, 1000))
				made += len(some) / 2
				closeServersFirst(some)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// closeServersFirst leaves the servers' ends in TIME_WAIT.
func closeServersFirst(pairs []int) {
	for i := 1; i < len(pairs); i += 2 {
		unix.Close(pairs[i])
	}
	for i := 0; i < len(pairs); i += 2 {
		unix.Close(pairs[i])
	}
}

// pairs connects n times to a port of the VIP and accepts.
func pairs(port uint16, n int) (fds []int, err error) {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(l)
	if err := unix.SetsockoptInt(l, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return nil, err
	}
	if err := unix.Bind(l, &unix.SockaddrInet4{Addr: vip.As4(), Port: int(port)}); err != nil {
		return nil, err
	}
	if err := unix.Listen(l, 128); err != nil {
		return nil, err
	}
	for range n {
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fds, err
		}
		fds = append(fds, c)
		if err := unix.SetsockoptInt(c, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fds, err
		}
		if err := unix.Bind(c, &unix.SockaddrInet4{Addr: vip2.As4()}); err != nil {
			return fds, err
		}
		if err := unix.Connect(c, &unix.SockaddrInet4{Addr: vip.As4(), Port: int(port)}); err != nil {
			return fds, err
		}
		s, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
		if err != nil {
			return fds, err
		}
		fds = append(fds, s)
	}
	return fds, nil
}

// A socket costs no allocation, and none of many is missing.
func TestManySockets(t *testing.T) {
	m := newMachine(t)
	crowd(t, m, 2000)
	table := m.open(vip, vip2)
	n := 0
	count := func(Flow) { n++ }
	allocs := testing.AllocsPerRun(3, func() {
		n = 0
		if err := table.Each(count); err != nil {
			t.Fatal(err)
		}
	})
	if n != 2000 {
		t.Errorf("%d sockets, want 2000", n)
	}
	if allocs > 2 {
		t.Errorf("%v allocations for 2,000 sockets", allocs)
	}
	if one := m.open(vip2); len(all(t, one)) != 1000 {
		t.Errorf("%d sockets on one VIP, want 1000", len(all(t, one)))
	}
}

func BenchmarkEach(b *testing.B) {
	m := newMachine(b)
	crowd(b, m, *socketsFlag)
	rules := testRules(b)
	for _, bb := range []struct {
		name string
		vips []netip.Addr
		list func(*Table) error
	}{
		{"each", []netip.Addr{vip, vip2}, func(t *Table) error { return t.Each(func(Flow) {}) }},
		{"scan", []netip.Addr{vip, vip2}, func(t *Table) error { _, err := t.Scan(rules); return err }},
		{"half open", []netip.Addr{vip, vip2}, func(t *Table) error { _, err := t.HalfOpen(func(Flow) bool { return true }, 4096); return err }},
		{"none on the VIP", []netip.Addr{other}, func(t *Table) error { return t.Each(func(Flow) {}) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			table := m.open(bb.vips...)
			b.ReportAllocs()
			for b.Loop() {
				if err := bb.list(table); err != nil {
					b.Fatal(err)
				}
			}
			n := 0
			if err := table.Each(func(Flow) { n++ }); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(n), "sockets")
		})
	}
	// What the library has, for comparison: it allocates for every socket.
	b.Run("vishvananda", func(b *testing.B) {
		b.ReportAllocs()
		m.Do(b, func() error {
			for b.Loop() {
				if _, err := netlink.SocketDiagTCP(unix.AF_INET); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
