package lab

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestTCPEcho(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	s, err := n.StartTCPEcho("0.0.0.0:7")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range 20 {
		conn, err := client.Dial(t.Context(), "tcp", netip.AddrPort{}, netip.AddrPortFrom(n.Address, 7))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		if got := ask(t, conn, "hello"); got != "hello" {
			t.Errorf("echo %q, want hello", got)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, conn := range conns {
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 8)); err == nil {
			t.Errorf("read %d bytes after the server's end", n)
		}
	}
}

func TestEchoProcess(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	p, err := n.StartEchoProcess("0.0.0.0:7")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(t.Context(), "tcp", netip.AddrPort{}, netip.AddrPortFrom(n.Address, 7))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := ask(t, conn, "hello"); got != "hello" {
		t.Errorf("echo %q, want hello", got)
	}
	if _, err := n.StartEchoProcess("0.0.0.0:7"); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a second server on the port: %v", err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 8)); err == nil {
		t.Error("the connection outlives its server")
	}
}
