package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// echoOnce sends a message and waits for it to come back.
func echoOnce(c net.Conn) error {
	message := []byte("once")
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write(message); err != nil {
		return err
	}
	came := make([]byte, len(message))
	if _, err := io.ReadFull(c, came); err != nil {
		return err
	}
	if string(came) != string(message) {
		return fmt.Errorf("the echo of %q is %q", message, came)
	}
	return nil
}

// clientOf is the connection's own end.
func clientOf(c net.Conn) (netip.AddrPort, error) {
	a, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%v is no TCP address", c.LocalAddr())
	}
	return a.AddrPort(), nil
}

// forget ends the client's side of a connection so that the server does not learn
// of it, as a reboot does: the reset is lost on the way.
func forget(f *farmtest.Farm, c net.Conn) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("%T is no TCP connection", c)
	}
	var cuts []lab.Cut
	for _, n := range f.Nodes {
		cuts = append(cuts, lab.Cut{From: f.Client, To: n.Host})
	}
	fault, err := f.Cut(f.Ctx, cuts...)
	if err != nil {
		return err
	}
	return errors.Join(tcp.SetLinger(0), tcp.Close(), fault.Heal())
}
