package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/ipv4"
)

// Service is a server that runs in this process on a socket of a host.
type Service struct {
	// Addr is the address that it listens on.
	Addr net.Addr

	stop func() error
	done chan struct{}
	once sync.Once
	err  error
}

// Close ends the service and its connections. It may be called more than once;
// Close of the lab calls it too.
func (s *Service) Close() error {
	s.once.Do(func() { s.err = s.stop() })
	<-s.done
	return s.err
}

// StartHTTP serves HTTP on the address inside the host. Without a handler every
// request is answered with the host's name.
func (h *Host) StartHTTP(address string, handler http.Handler) (*Service, error) {
	if handler == nil {
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, h.Name) // The client has gone: nobody to tell.
		})
	}
	listener, err := h.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler}
	s := &Service{Addr: listener.Addr(), stop: server.Close, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = server.Serve(listener) // Always an error: that of Close.
	}()
	if err := h.own(s); err != nil {
		return nil, err
	}
	return s, nil
}

// StartUDPEcho sends every datagram that comes to the address inside the host
// back to where it came from, with the address that it was sent to as source.
// A plain socket would answer for a VIP with the interface's own address.
// IPv4 only.
func (h *Host) StartUDPEcho(address string) (*Service, error) {
	conn, err := h.ListenPacket("udp4", address)
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(conn)
	if err := p.SetControlMessage(ipv4.FlagDst, true); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: ask for destination addresses: %w", err), conn.Close())
	}
	s := &Service{Addr: conn.LocalAddr(), stop: conn.Close, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		echo(p)
	}()
	if err := h.own(s); err != nil {
		return nil, err
	}
	return s, nil
}

// echo answers until the connection is closed.
func echo(p *ipv4.PacketConn) {
	buf := make([]byte, 65535)
	for {
		n, control, from, err := p.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // An ICMP error of an earlier answer.
		}
		var source *ipv4.ControlMessage
		if control != nil {
			source = &ipv4.ControlMessage{Src: control.Dst}
		}
		_, _ = p.WriteTo(buf[:n], source, from) // Datagrams may be lost.
	}
}
