package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Listen is net.Listen inside the host. The caller closes the listener.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	var l net.Listener
	err := h.Do(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	return l, nil
}

// ListenPacket is net.ListenPacket inside the host. The caller closes the
// connection.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	var c net.PacketConn
	err := h.Do(func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	return c, nil
}

// Dial connects from inside the host: network is tcp or udp, or one of these
// with a 4 or 6 behind. from is the source; its zero value leaves it to the
// kernel, as port 0 does. The caller closes the connection.
func (h *Host) Dial(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{}
	if from.Addr().IsValid() {
		d.LocalAddr = socketAddress(network, from)
	}
	var c net.Conn
	err := h.Do(func() (err error) {
		// With an address in place of a name, the dialer opens its socket here
		// and not in a goroutine outside of the namespace.
		c, err = d.DialContext(ctx, network, to.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	return c, nil
}

func socketAddress(network string, a netip.AddrPort) net.Addr {
	if network[0] == 'u' {
		return net.UDPAddrFromAddrPort(a)
	}
	return net.TCPAddrFromAddrPort(a)
}

// HTTPClient returns a client whose requests leave the host with the source
// address from, or any if it is the zero value, each on a connection of its own.
// URLs must have addresses, no names. Requests end after 10 s.
func (h *Host) HTTPClient(from netip.Addr) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, fmt.Errorf("lab: %s: there is no name service: %w", h.Name, err)
		}
		return h.Dial(ctx, network, netip.AddrPortFrom(from, 0), to)
	}
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}
}
