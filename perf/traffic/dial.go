package traffic

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"thresher/perf/lab"
)

// conn is an established TCP connection: a plain descriptor in Go's poller, which
// costs less than a net.Conn.
type conn struct {
	*os.File
	client netip.AddrPort
}

// dialer opens TCP connections from inside a host. Sockets must be made on a
// thread inside the namespace, but need none afterwards; so one thread makes them
// all and starts to connect, without waiting, and the callers wait outside.
type dialer struct {
	orders chan order
	done   chan error
}

// order is for a socket that is on its way from an address to another.
type order struct {
	from netip.Addr // any if it is the zero value
	to   netip.AddrPort
	made chan<- made
}

type made struct {
	fd  int
	err error
}

// newDialer starts the thread. The caller closes the dialer.
func newDialer(h *lab.Host) *dialer {
	d := &dialer{orders: make(chan order), done: make(chan error, 1)}
	go func() {
		err := h.Do(func() error {
			for o := range d.orders {
				fd, err := startConnect(o.from, o.to)
				o.made <- made{fd, err}
			}
			return nil
		})
		// Where the host cannot be entered, every order is refused for that.
		for o := range d.orders {
			o.made <- made{-1, err}
		}
		d.done <- err
	}()
	return d
}

// close ends the thread. No dial may be under way.
func (d *dialer) close() error {
	close(d.orders)
	return <-d.done
}

// dial opens a connection before the deadline. The caller closes it.
func (d *dialer) dial(from netip.Addr, to netip.AddrPort, deadline time.Time) (*conn, error) {
	answer := make(chan made, 1)
	d.orders <- order{from, to, answer}
	m := <-answer
	if m.err != nil {
		return nil, fmt.Errorf("open a connection to %s: %w", to, m.err)
	}
	c := &conn{File: os.NewFile(uintptr(m.fd), "connection to "+to.String())}
	err := c.SetDeadline(deadline)
	if err == nil {
		err = c.await(to)
	}
	if err != nil {
		return c, errors.Join(fmt.Errorf("open a connection to %s: %w", to, err), c.Close())
	}
	return c, nil
}

// startConnect makes a socket and sends its SYN.
func startConnect(from netip.Addr, to netip.AddrPort) (int, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("make a socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && from.IsValid() {
		err = bind(fd, from)
	}
	if err == nil {
		err = unix.Connect(fd, address(to))
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// bind gives the socket its source. The lab's are local by a route, and on no
// interface, which is enough for IPv4 but not for IPv6 (inet6_bind).
func bind(fd int, from netip.Addr) error {
	if from.Is6() {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1); err != nil {
			return err
		}
	}
	return unix.Bind(fd, address(netip.AddrPortFrom(from, 0)))
}

func address(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

// await waits until the connection stands, and learns its own address. The client
// is known also of one that fails.
func (c *conn) await(to netip.AddrPort) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	first := true
	var state error
	err = raw.Write(func(fd uintptr) bool {
		if first {
			first = false
			c.client = localAddress(int(fd))
		}
		// Asked again, connect(2) tells how it went.
		state = unix.Connect(int(fd), address(to))
		return !errors.Is(state, unix.EALREADY) && !errors.Is(state, unix.EINPROGRESS)
	})
	if err != nil {
		return err
	}
	if state != nil && !errors.Is(state, unix.EISCONN) {
		return state
	}
	return nil
}

func localAddress(fd int) netip.AddrPort {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(n.Addr), uint16(n.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(n.Addr), uint16(n.Port))
	}
	return netip.AddrPort{}
}

// abort closes the connection with a reset, so that neither end keeps anything of
// it.
func (c *conn) abort() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		setErr = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	return errors.Join(err, setErr, c.Close())
}

// Trouble is how a connection broke.
type Trouble uint8

// The ways in which a connection breaks.
const (
	// None: it did not.
	None Trouble = iota
	// Reset: a node reset it.
	Reset
	// Lost: no echo, or no connection, within the patience.
	Lost
	// Ended: a node closed it, as one that stops in order does.
	Ended
	// Garbled: what came back is not what was sent.
	Garbled
	// Failed: anything else, of the client's own machine.
	Failed
)

// String names the trouble.
func (t Trouble) String() string {
	names := [...]string{"none", "reset", "lost", "ended", "garbled", "failed"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("trouble %d", uint8(t))
}

// troubleOf tells what an error of a connection means.
func troubleOf(err error) Trouble {
	switch {
	case err == nil:
		return None
	case errors.Is(err, errGarbled):
		return Garbled
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return Lost
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EPIPE):
		// EPIPE is a write after the reset was read.
		return Reset
	case errors.Is(err, errEnded):
		return Ended
	}
	return Failed
}
