package lab

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// What ran on a node that lost its power is gone, and its kernel's namespace too.
func TestPowerOff(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n := l.Nodes[0]
	serveVIP(t, n)
	sleeper, err := n.Start("sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(n.runDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	old := n.inode
	if err := l.PowerOff(n); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Run(t.Context(), "true"); !errors.Is(err, ErrClosed) {
		t.Errorf("a command on a node without power: %v, want %v", err, ErrClosed)
	}
	if err := sleeper.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended with %v, want a kill", err)
	}
	if _, err := os.Stat(n.runDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the run directory: %v", err)
	}
	eventually(t, "nobody holds the namespace", func() bool { return len(holders([]uint64{old})) == 0 })
}

// A node that has booted again is where it was, and knows nothing of what was.
func TestPowerOn(t *testing.T) {
	l := newLab(t, Config{Nodes: 2, Queues: 2})
	n, client := l.Nodes[1], l.Clients[0]
	record, err := l.RecordFDB()
	if err != nil {
		t.Fatal(err)
	}
	serveVIP(t, n)
	if _, err := n.Start("true"); err != nil { // A first log.
		t.Fatal(err)
	}
	conn, err := client.Dial(t.Context(), "tcp", netip.AddrPort{}, vipPort(80))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := watch(t, client)
	if err := errors.Join(l.PowerOff(n), l.PowerOn(t.Context(), n)); err != nil {
		t.Fatal(err)
	}
	ping(t, client, n.Address)
	ping(t, n.Host, client.Address)
	ping(t, n.Host, l.Nodes[0].Address)
	if r := w.Resets(); len(r) > 0 {
		t.Errorf("the dead node reset %v", r)
	}
	serveVIP(t, n)
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old connection is reset", func() bool { return len(w.Resets()) == 1 })
	if got := get(t, client, netip.Addr{}, "http://"+VIP().String()+"/"); got != n.Name {
		t.Errorf("%q answers, want %s", got, n.Name)
	}
	if _, err := n.Start("true"); err != nil {
		t.Errorf("another log in the old directory: %v", err)
	}
	eventually(t, "the record knows the new port by its name", func() bool {
		ports, err := record.Ports(n.MAC)
		return err == nil && len(ports) == 1 && ports[0] == n.Port
	})
}
