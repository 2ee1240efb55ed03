package lab

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestLose(t *testing.T) {
	l := faultLab(t, 2)
	a, b := l.Nodes[0], l.Nodes[1]
	f, err := l.Lose(t.Context(), 20, b.Host)
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Capture(a.Address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := a.Dial(t.Context(), "udp", netip.AddrPort{}, netip.AddrPortFrom(b.Address, 7))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const n = 2000
	for i := range n {
		if _, err := fmt.Fprint(conn, i); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, c)
	lost, swallowed := n-len(c.Answers(Datagram)), dropped(t, f)
	// Five standard deviations of n throws are 4.5 %.
	if part := float64(lost) / n; part < 0.155 || part > 0.245 {
		t.Errorf("%d of %d lost", lost, n)
	}
	// ARP and the like may be lost too.
	if swallowed < lost || swallowed > lost+20 {
		t.Errorf("%d datagrams are missing, %d frames were swallowed", lost, swallowed)
	}
	if err := f.Heal(); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if !reaches(t, a.Host, b.Host, 7, true) {
			t.Fatal("a datagram is lost after healing")
		}
	}
}
