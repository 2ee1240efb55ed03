package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// TestConnect: a connection to an address of either kind carries what is said, both
// ways, to its end.
func TestConnect(t *testing.T) {
	for _, tt := range []struct{ listen, to string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "::1"}, {"127.0.0.1:0", "::ffff:127.0.0.1"},
	} {
		l, err := net.Listen("tcp", tt.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.CopyN(c, c, 5)
			c.Close()
		}()
		conn, err := connect(t.Context(), at(t, tt.to, l))
		if err != nil {
			t.Fatalf("%s: %v", tt.to, err)
		}
		if _, err := io.WriteString(conn, "hello"); err != nil {
			t.Fatal(err)
		}
		if heard, err := io.ReadAll(conn); err != nil || string(heard) != "hello" {
			t.Errorf("%s: %q, %v", tt.to, heard, err)
		}
		conn.Close()
	}
}

// at is an address with a listener's port.
func at(t *testing.T, address string, l net.Listener) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(netip.MustParseAddr(address), netip.MustParseAddrPort(l.Addr().String()).Port())
}

// TestConnectRefused: what fails says the same as by name.
func TestConnectRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	target := l.Addr().String()
	if _, err := connect(t.Context(), netip.MustParseAddrPort(target)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
	expect1(t, "nobody listens", run(t, config.Check{Type: config.CheckTCP, TCP: config.TCPCheck{Target: target}}), false, "connection refused")
}

// TestConnectEnds: a connection that is not answered is given up with its context, and
// its socket closed.
func TestConnectEnds(t *testing.T) {
	to := fullServer(t)
	files := openFiles(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := connect(ctx, to); because(err) != "no answer in time" {
		t.Errorf("at the deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { _, err := connect(ctx, to); failed <- err }()
	cancel()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("connected, though nobody answers")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on after its context has ended")
	}
	if now := openFiles(t); now != files {
		t.Errorf("%d files are open, %d were", now, files)
	}
}

// fullServer listens and accepts nothing, and has no room for more.
func fullServer(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*unix.SockaddrInet4).Port))
	c, err := net.DialTimeout("tcp", to.String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return to
}

// openFiles are this process's.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
