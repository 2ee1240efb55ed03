package lab

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// StartUDPEcho sends every datagram that comes to the address inside the host
// back to where it came from, with the address that it was sent to as source.
// A plain socket would answer for a VIP with the interface's own address. An
// address without a host is both families'; otherwise it is of IPv4.
func (h *Host) StartUDPEcho(address string) (*Service, error) {
	conn, err := h.ListenPacket("udp4", address)
	if err != nil {
		return nil, err
	}
	four, err := newEcho4(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	echoes, conns := []echo{four}, []net.PacketConn{conn}
	if host, _, err := net.SplitHostPort(address); err == nil && host == "" {
		conn6, six, err := h.udpEcho6(conn.LocalAddr())
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		echoes, conns = append(echoes, six), append(conns, conn6)
	}
	return h.serveEchoes(echoes, conns)
}

// serveEchoes runs the echoes of both families as one service.
func (h *Host) serveEchoes(echoes []echo, conns []net.PacketConn) (*Service, error) {
	stop := func() error {
		var errs []error
		for _, c := range conns {
			errs = append(errs, c.Close())
		}
		return errors.Join(errs...)
	}
	s := &Service{Addr: conns[0].LocalAddr(), stop: stop, done: make(chan struct{})}
	var running sync.WaitGroup
	for _, one := range echoes {
		running.Go(one.run)
	}
	go func() {
		defer close(s.done)
		running.Wait()
	}()
	if err := h.own(s); err != nil {
		return nil, err
	}
	return s, nil
}

// udpEcho6 opens the echo of IPv6 on the port that the one of IPv4 has.
func (h *Host) udpEcho6(four net.Addr) (net.PacketConn, echo, error) {
	udp, ok := four.(*net.UDPAddr)
	if !ok {
		return nil, nil, fmt.Errorf("lab: %s: %v is no address of UDP", h.Name, four)
	}
	conn, err := h.ListenPacket("udp6", net.JoinHostPort("::", strconv.Itoa(udp.Port)))
	if err != nil {
		return nil, nil, err
	}
	six, err := newEcho6(conn)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, six, nil
}

// echo answers one datagram. Its error is that of the socket.
type echo func(buf []byte) error

// run answers until the connection is closed.
func (e echo) run() {
	buf := make([]byte, 65535)
	for {
		if err := e(buf); errors.Is(err, net.ErrClosed) {
			return
		} // Others are ICMP errors of an earlier answer.
	}
}

func newEcho4(conn net.PacketConn) (echo, error) {
	p := ipv4.NewPacketConn(conn)
	if err := p.SetControlMessage(ipv4.FlagDst, true); err != nil {
		return nil, fmt.Errorf("lab: ask for destination addresses: %w", err)
	}
	return func(buf []byte) error {
		n, control, from, err := p.ReadFrom(buf)
		if err != nil {
			return err
		}
		var source *ipv4.ControlMessage
		if control != nil {
			source = &ipv4.ControlMessage{Src: control.Dst}
		}
		_, _ = p.WriteTo(buf[:n], source, from) // Datagrams may be lost.
		return nil
	}, nil
}

func newEcho6(conn net.PacketConn) (echo, error) {
	p := ipv6.NewPacketConn(conn)
	if err := p.SetControlMessage(ipv6.FlagDst, true); err != nil {
		return nil, fmt.Errorf("lab: ask for destination addresses: %w", err)
	}
	return func(buf []byte) error {
		n, control, from, err := p.ReadFrom(buf)
		if err != nil {
			return err
		}
		var source *ipv6.ControlMessage
		if control != nil {
			source = &ipv6.ControlMessage{Src: control.Dst}
		}
		_, _ = p.WriteTo(buf[:n], source, from) // Datagrams may be lost.
		return nil
	}, nil
}
