package farm

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"thresher/config"
	"thresher/farm/flows"
)

// takenAgain is how many ports clients take again, from takenFrom on.
const takenFrom, takenAgain = 41_000, 20

// TestPortTakenAgain: a client opens a connection from a port whose last one another
// gateway has in conntrack still, being closed or over. The bucket's owner has it
// alone: were the new one's packets the old entry's, conntrack would find them
// invalid there, and the machine refuse them.
func TestPortTakenAgain(t *testing.T) {
	for _, tt := range []struct {
		name string
		ends func(net.Conn) error
		in   flows.State
	}{
		{"closed", func(c net.Conn) error { return errors.Join(closedByServer(c), c.Close()) }, flows.TimeWait},
		{"forgotten while the server closes", func(c net.Conn) error {
			return errors.Join(closedByServer(c), c.(*net.TCPConn).SetLinger(0), c.Close())
		}, flows.LastAck},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateways(t, config.XDPNative, true)
			old, next := g.nodes[0], g.nodes[1]
			g.gives(old, true, false, true)
			g.gives(next, false, false, true)
			first := g.dialFromPorts()
			g.answeredBy("node1", "before", first)
			g.inNS(g.client, dropResets) // those of a client that reboots are never sent
			for i, c := range first {
				if err := tt.ends(c); err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
			}
			g.tracks(old, tt.in, takenAgain)

			g.gives(old, false, true, true)
			g.gives(next, true, true, true)
			again := g.dialFromPorts()
			g.answeredBy("node2", "again", again)
			g.answeredBy("node2", "and again", again)
			g.tracks(old, tt.in, takenAgain)
		})
	}
}

// TestClosingFlowsStay moves connections whose clients are done, while their servers
// are not: they end where they are.
func TestClosingFlowsStay(t *testing.T) {
	t.Parallel()
	g := newGateways(t, config.XDPNative, true)
	old, next := g.nodes[0], g.nodes[1]
	g.gives(old, true, false, true)
	g.gives(next, false, false, true)
	conns := g.dial("tcp4", webPort, takenAgain)
	g.answeredBy("node1", "before", conns)
	g.gives(old, false, true, true)
	g.gives(next, true, true, true)
	for i, c := range conns {
		must(t, errors.Join(c.SetDeadline(time.Now().Add(patience)), writeLine(c, "last")), c.(*net.TCPConn).CloseWrite())
		if all, err := io.ReadAll(c); string(all) != "node1 last\n" || err != nil {
			t.Fatalf("connection %d: %q, %v", i, all, err)
		}
	}
	g.tracks(old, flows.TimeWait, len(conns))
	g.tracks(next, flows.TimeWait, 0)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func writeLine(c net.Conn, line string) error {
	_, err := fmt.Fprintln(c, line)
	return err
}

// dialFromPorts opens a connection from each of the ports, as soon as the last one
// has left it.
func (g *gateways) dialFromPorts() (list []net.Conn) {
	g.t.Helper()
	g.inNS(g.client, func() error {
		for port := range takenAgain {
			d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{Port: takenFrom + port}}
			c, err := d.Dial("tcp4", netip.AddrPortFrom(gatewayVIP.Address, webPort).String())
			for end := time.Now().Add(patience); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(end); {
				time.Sleep(time.Millisecond) // until the last answer has come
				c, err = d.Dial("tcp4", netip.AddrPortFrom(gatewayVIP.Address, webPort).String())
			}
			if err != nil {
				return err
			}
			g.t.Cleanup(func() { c.Close() })
			list = append(list, c)
		}
		return nil
	})
	return list
}

// dropResets has no reset of this machine's leave it.
func dropResets() error {
	return nft("table ip mute {\n chain out {\n type filter hook output priority filter\n tcp flags & rst == rst drop\n }\n}")
}

// closedByServer has the server close first, so that it is the server's machine which
// has the connection in TIME_WAIT.
func closedByServer(c net.Conn) error {
	if err := errors.Join(c.SetDeadline(time.Now().Add(patience)), writeLine(c, goodbye)); err != nil {
		return err
	}
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%d bytes, %w, want the end", n, err)
	}
	return nil
}

// tracks holds that conntrack has so many TCP entries in a state, as soon as the last
// packets have come.
func (g *gateways) tracks(n *gateway, state flows.State, want int) {
	g.t.Helper()
	var states []flows.State
	for end := time.Now().Add(patience); ; {
		states = states[:0]
		if err := n.tables.EachTracked(func(f flows.Tracked) { states = append(states, f.State) }); err != nil {
			g.t.Fatal(err)
		}
		slices.Sort(states)
		got := len(slices.DeleteFunc(slices.Clone(states), func(s flows.State) bool { return s != state }))
		if got == want {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("%s tracks %v, want %d in state %d", n.name, states, want, state)
		}
		time.Sleep(time.Millisecond)
	}
}
