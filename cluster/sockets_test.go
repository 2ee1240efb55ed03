package cluster

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// opened are sockets of a test, on a port that the kernel chooses.
func opened(t *testing.T, address string) (*sockets, *logBuffer) {
	t.Helper()
	lines := new(logBuffer)
	s, err := openSockets(address, 0, log.New(lines, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return s, lines
}

func (s *sockets) mustSend(t *testing.T, b []byte, to *sockets) {
	t.Helper()
	if _, err := s.WriteTo(b, to.udp.LocalAddr().String()); err != nil {
		t.Fatal(err)
	}
}

func TestSocketsOfBothFamilies(t *testing.T) {
	for _, address := range []string{"127.0.0.71", "::1"} {
		a, _ := opened(t, address)
		b, _ := opened(t, address)
		before := time.Now()
		a.mustSend(t, []byte("hello"), b)
		p := <-b.PacketCh()
		if string(p.Buf) != "hello" || p.From.String() != a.udp.LocalAddr().String() {
			t.Errorf("%s: %q from %s", address, p.Buf, p.From)
		}
		if _, ok := p.From.(*net.UDPAddr); !ok || p.Timestamp.Before(before) || p.Timestamp.After(time.Now()) {
			t.Errorf("%s: from a %T at %s", address, p.From, p.Timestamp)
		}
		conn, err := a.DialAddressTimeout(memberlist.Address{Addr: b.tcp.Addr().String(), Name: "b"}, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		taken := <-b.StreamCh()
		if taken.RemoteAddr().String() != conn.LocalAddr().String() {
			t.Errorf("%s: a stream from %s, want %s", address, taken.RemoteAddr(), conn.LocalAddr())
		}
		_, _ = conn.Close(), taken.Close()
	}
}

// TestPacketsStayAsTheyCame: memberlist keeps what it has been given while more comes.
func TestPacketsStayAsTheyCame(t *testing.T) {
	a, lines := opened(t, "127.0.0.71")
	b, _ := opened(t, "127.0.0.72")
	const longest = 65507 // of UDP over IPv4
	want := [][]byte{bytes.Repeat([]byte("a"), longest), []byte("b"), bytes.Repeat([]byte("c"), 1400)}
	var got []*memberlist.Packet
	for _, packet := range want {
		b.mustSend(t, nil, a) // one of no bytes, which is nobody's message
		b.mustSend(t, packet, a)
		got = append(got, <-a.PacketCh())
	}
	for i, p := range got {
		if !bytes.Equal(p.Buf, want[i]) {
			t.Errorf("packet %d has %d bytes, want %d, or others", i, len(p.Buf), len(want[i]))
		}
		if held := cap(p.Buf); held > 2*len(want[i])+64 {
			t.Errorf("packet %d of %d bytes holds %d", i, len(want[i]), held)
		}
	}
	if n := strings.Count(lines.String(), "of no bytes"); n != len(want) {
		t.Errorf("%d packets of no bytes are told of, want %d:\n%s", n, len(want), lines)
	}
}

func TestSocketsSayWhereTheyAre(t *testing.T) {
	s, _ := opened(t, "127.0.0.71")
	for _, tt := range []struct {
		ip   string
		port int
		want string
	}{
		{"", 0, s.udp.LocalAddr().String()}, {"192.0.2.1", 7, "192.0.2.1:7"},
		{"::ffff:192.0.2.1", 7, "192.0.2.1:7"}, {"2001:db8::1", 7, "[2001:db8::1]:7"},
	} {
		ip, port, err := s.FinalAdvertiseAddr(tt.ip, tt.port)
		if got := (&net.UDPAddr{IP: ip, Port: port}).String(); err != nil || got != tt.want {
			t.Errorf("%q: %s, %v, want %s", tt.ip, got, err, tt.want)
		}
	}
	if _, _, err := s.FinalAdvertiseAddr("nowhere", 7); err == nil {
		t.Error("nowhere is an address")
	}
	if _, err := s.WriteTo([]byte("x"), "nowhere:7"); err == nil {
		t.Error("a packet went nowhere")
	}
	if len(s.tcp.Addr().(*net.TCPAddr).IP) != net.IPv4len {
		t.Error("an address of IPv4 has the length of another")
	}
}

// TestSocketsWhosePortIsTaken names the cure, and leaves nothing open.
func TestSocketsWhosePortIsTaken(t *testing.T) {
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 71)})
	if err != nil {
		t.Fatal(err)
	}
	port := tcp.Addr().(*net.TCPAddr).Port
	refused := func(by string) {
		t.Helper()
		_, err := openSockets("127.0.0.71", port, nil)
		if err == nil || !strings.Contains(listenError(err).Error(), syscall.EADDRINUSE.Error()+": another program") {
			t.Errorf("with the port taken by %s: %v", by, err)
		}
	}
	refused("TCP")
	_ = tcp.Close()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 71), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	refused("UDP")
	_ = udp.Close()
	s, err := openSockets("127.0.0.71", port, nil)
	if err != nil {
		t.Fatalf("with the port free again: %v", err)
	}
	if err := s.Shutdown(); err != nil {
		t.Error(err)
	}
}

// TestSocketsCloseUnread: nobody takes what has come, and they close all the same.
func TestSocketsCloseUnread(t *testing.T) {
	s, lines := opened(t, "127.0.0.71")
	s.mustSend(t, []byte("x"), s)
	conn, err := s.DialTimeout(s.tcp.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stream that nobody serves is open: %v", err)
	}
	if _, err := s.WriteTo([]byte("x"), "127.0.0.71:7"); err == nil {
		t.Error("closed sockets send")
	}
	if got := lines.String(); got != "" {
		t.Errorf("closing is told of as an error: %s", got)
	}
}

// heard is a log whose lines can be waited for.
type heard chan string

func (h heard) Write(line []byte) (int, error) {
	select {
	case h <- string(line):
	default: // enough was heard
	}
	return len(line), nil
}

// TestSocketsGoOnAfterErrors: what went wrong is told of, and tried again.
func TestSocketsGoOnAfterErrors(t *testing.T) {
	lines := make(heard, 8)
	s, err := openSockets("127.0.0.71", 0, log.New(lines, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	past, never := time.Unix(1, 0), time.Time{}
	for _, of := range []struct {
		name     string
		deadline func(time.Time) error
	}{{"udp", s.udp.SetReadDeadline}, {"tcp", s.tcp.SetDeadline}} {
		if err := of.deadline(past); err != nil {
			t.Fatal(err)
		}
		for line := <-lines; !strings.Contains(line, " "+of.name+" "); line = <-lines {
		}
		if err := of.deadline(never); err != nil {
			t.Fatal(err)
		}
	}
	s.mustSend(t, []byte("x"), s)
	if p := <-s.PacketCh(); string(p.Buf) != "x" {
		t.Errorf("%q", p.Buf)
	}
	conn, err := s.DialTimeout(s.tcp.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Close(), (<-s.StreamCh()).Close()
}

func TestSocketsWaitLongerAfterEachError(t *testing.T) {
	s := &sockets{log: log.New(io.Discard, "", 0), leaving: make(chan struct{})}
	if first := s.afterError(io.EOF, 0); first != shortRetry {
		t.Errorf("waited %v at first, want %v", first, shortRetry)
	}
	if second := s.afterError(io.EOF, shortRetry); second != 2*shortRetry {
		t.Errorf("waited %v then, want twice as long", second)
	}
	close(s.leaving)
	if last := s.afterError(io.EOF, longRetry); last != 0 {
		t.Errorf("waited %v though the sockets are closed", last)
	}
}
