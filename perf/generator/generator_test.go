package generator

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// TestArrive captures what comes out of a node's interface: whole frames, as
// many as were made.
func TestArrive(t *testing.T) {
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	l, err := lab.New(t.Context(), lab.Config{Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	node := l.Nodes[0]
	if err := node.SetOffloads(lab.Interface, lab.Offloads{GRO: true}); err != nil {
		t.Fatal(err)
	}
	conn := listen(t, node.Host)
	defer conn.Close()
	want := traffic(UDP, vips...)
	const n = 32 // a packet socket's buffer has room for some 48
	err = l.Switch.Do(func() error {
		port, err := netlink.LinkByName(node.Port)
		if err != nil {
			return err
		}
		g := newGenerator(t, want, port.Attrs().Index)
		if err := Pin(); err != nil {
			return err
		}
		sent, err := g.Send(n)
		if sent.Frames != n {
			t.Errorf("%d frames sent, want %d", sent.Frames, n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for got := 0; got < n; {
		frame := receive(t, conn)
		if config.MAC(frame[6:12]) != source {
			continue // the kernel's own
		}
		checkFrame(t, frame, want)
		got++
	}
}

func listen(t *testing.T, h *lab.Host) *packet.Conn {
	t.Helper()
	var conn *packet.Conn
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName(lab.Interface)
		if err == nil {
			conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func receive(t *testing.T, conn *packet.Conn) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	n, _, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatalf("a frame is missing: %v", err)
	}
	return buf[:n]
}

func TestRunTimesAndEnds(t *testing.T) {
	g := newGenerator(t, traffic(UDP, vips[0]), 0)
	start := time.Now()
	sent, err := g.Run(t.Context(), 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if sent.Elapsed < 20*time.Millisecond || sent.Elapsed > time.Since(start) || sent.Frames < minCall {
		t.Errorf("sent %+v", sent)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if sent, err := g.Run(ended, time.Hour); err != nil || sent.Frames != 0 {
		t.Errorf("after the end: %+v, %v", sent, err)
	}
}

func TestSentIn(t *testing.T) {
	before := []bpfState{{Frames: 100, FirstTime: 0}, {Frames: 10}}
	after := []bpfState{
		{Frames: 1100, FirstFrame: 128, FirstTime: 1000, LastFrame: 1088, LastTime: 97000},
		{Frames: 20, FirstFrame: 10, FirstTime: 50, LastFrame: 20, LastTime: 60},
	}
	want := Sent{Frames: 1010, Timed: 960, Elapsed: 96 * time.Microsecond}
	if diff := cmp.Diff(want, sentIn(before, after)); diff != "" {
		t.Error(diff)
	}
	if rate := want.Rate(); rate != 1e7 {
		t.Errorf("rate %v, want 10 million", rate)
	}
	if rate := sentIn(before, before).Rate(); rate != 0 {
		t.Errorf("rate %v of nothing", rate)
	}
}

func TestNextCall(t *testing.T) {
	mega := Sent{Timed: 1e5, Elapsed: 100 * time.Millisecond}
	for _, tt := range []struct {
		name string
		last Sent
		left time.Duration
		want uint32
	}{
		{"a whole call", mega, time.Second, 250_000},
		{"little time left", mega, 50 * time.Millisecond, 50_000},
		{"no time left", mega, -1, minCall},
		{"no time was taken", Sent{Frames: 10}, time.Second, minCall},
		{"not too many", Sent{Timed: 1e12, Elapsed: 1}, time.Second, maxCall},
	} {
		if got := nextCall(tt.last, tt.left); got != tt.want {
			t.Errorf("%s: %d frames, want %d", tt.name, got, tt.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := traffic(UDP, vips...)
	for want, change := range map[string]func(*Traffic){
		"protocol 1 is neither":   func(t *Traffic) { t.Protocol = 1 },
		"0 VIPs are not 1 to 64":  func(t *Traffic) { t.VIPs = nil },
		"VIP ::1 is not IPv4":     func(t *Traffic) { t.VIPs = []VIP{{Address: netip.IPv6Loopback()}} },
		"no IPv4 prefix":          func(t *Traffic) { t.Clients = netip.MustParsePrefix("2001:db8::/32") },
		"ports 9 to 7 are none":   func(t *Traffic) { t.Ports = config.PortRange{First: 9, Last: 7} },
		"ports 200 to 1 are none": func(t *Traffic) { t.ClientPorts = config.PortRange{First: 200, Last: 1} },
	} {
		bad := good
		change(&bad)
		if _, err := New(bad, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestConstantsClientRange(t *testing.T) {
	c := Traffic{Clients: netip.MustParsePrefix("10.1.2.3/0"), VIPs: vips}.constants(3)
	if diff := cmp.Diff([]any{uint32(0), uint32(0xffffffff)}, []any{c[bpfVarClientBase], c[bpfVarClientMask]}); diff != "" {
		t.Error(diff)
	}
}
