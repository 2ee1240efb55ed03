package crowd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// from is one end of a connection that comes from an address.
type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(f.address, "1234"))
	if err != nil {
		panic(err)
	}
	return a
}

// door is a listener that a test brings connections to.
type door struct {
	t *testing.T
	net.Listener
	limited net.Listener
	come    chan net.Conn
}

func (d *door) Accept() (net.Conn, error) {
	if c, ok := <-d.come; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func newDoor(t *testing.T) *door {
	d := &door{t: t}
	d.limited = Limit(d, PerAddress)
	return d
}

// guest is a connection as both ends have it.
type guest struct{ here, there net.Conn }

// bring brings a connection, and tells whether it is let in.
func (d *door) bring(address string) (g guest, in bool) {
	d.t.Helper()
	here, there := net.Pipe()
	d.t.Cleanup(func() { here.Close(); there.Close() })
	d.come = make(chan net.Conn, 1)
	d.come <- from{here, address}
	close(d.come)
	accepted, err := d.limited.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		d.t.Fatal(err)
	}
	return guest{accepted, there}, err == nil
}

// let brings a connection that is let in.
func (d *door) let(address string) guest {
	d.t.Helper()
	g, in := d.bring(address)
	if !in {
		d.t.Fatalf("%s is refused", address)
	}
	return g
}

// refuse brings a connection that is closed.
func (d *door) refuse(address string) {
	d.t.Helper()
	if g, in := d.bring(address); in || !g.closed() {
		d.t.Errorf("%s is let in: %v, or hears nothing", address, in)
	}
}

// closed tells whether this end has been closed.
func (g guest) closed() bool {
	return errors.Is(g.there.SetDeadline(time.Time{}), io.ErrClosedPipe)
}

// An address has so many, and gets a place back for each that it closes.
func TestOneAddress(t *testing.T) {
	d := newDoor(t)
	var last guest
	for range PerAddress {
		last = d.let("192.0.2.1")
	}
	d.refuse("192.0.2.1")
	d.let("192.0.2.2")
	last.here.Close()
	last.here.Close() // as servers do
	d.let("192.0.2.1")
	d.refuse("192.0.2.1")
}

// Who has an IPv6 network has all its addresses. The farm's nodes are in one network,
// too, and each has its own connections once they have shown who they are.
func TestOneNetwork(t *testing.T) {
	d := newDoor(t)
	for i := range PerAddress {
		d.let(fmt.Sprintf("2001:db8::%x", i+1))
	}
	d.refuse("2001:db8::ffff:1")
	d.let("2001:db8:0:1::1")

	d = newDoor(t)
	for i := range PerAddress + 10 {
		Known(d.let(fmt.Sprintf("2001:db8::%x", i+1)).here)
	}
	d.let("2001:db8::1")
}

// Where a few addresses have taken all places, others get in, and who has shown who
// they are stays.
func TestStrangersGiveWay(t *testing.T) {
	d := newDoor(t)
	known := d.let("192.0.2.200")
	Known(tls.Server(known.here, nil))
	var first guest
	for i := range Connections - 1 {
		if g := d.let(fmt.Sprintf("192.0.2.%d", i/PerAddress+1)); i == 0 {
			first = g
		}
	}
	stranger := d.let("198.51.100.1")
	if !first.closed() {
		t.Error("the oldest connection of who has most is open")
	}
	for i := range Connections {
		d.let(fmt.Sprintf("203.0.113.%d", i%200))
	}
	if stranger.closed() || known.closed() {
		t.Error("who has one connection loses it to those who have many")
	}
}

// Who has shown who they are gives way to nobody.
func TestKnownStay(t *testing.T) {
	d := newDoor(t)
	for i := range Connections {
		Known(d.let(fmt.Sprintf("192.0.2.%d", i%200)).here)
	}
	d.refuse("198.51.100.1")
	Known(nil) // is of nobody here
}
