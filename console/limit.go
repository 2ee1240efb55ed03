package console

import (
	"net"
	"net/netip"
	"sync"
)

// How many connections a listener may have, and one address of people, tools or nodes.
const (
	maxConnections = 512
	maxPerAddress  = 64
)

// limited closes connections that are too many as soon as they come: who opens
// thousands must not take the others' place.
type limited struct {
	net.Listener
	perAddress int
	mu         sync.Mutex
	all        int
	known      map[netip.Addr]int
}

// limit bounds the connections of l. Those of a unix socket have one address.
func limit(l net.Listener, perAddress int) net.Listener {
	return &limited{Listener: l, perAddress: perAddress, known: make(map[netip.Addr]int)}
}

// Accept waits for a connection that is not too many.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addrOf(conn.RemoteAddr())
		if l.take(from) {
			return &limitedConn{Conn: conn, done: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		_ = conn.Close()
	}
}

func (l *limited) take(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxConnections || l.known[from] >= l.perAddress {
		return false
	}
	l.all++
	l.known[from]++
	return true
}

func (l *limited) give(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.known[from]--; l.known[from] == 0 {
		delete(l.known, from)
	}
}

type limitedConn struct {
	net.Conn
	done func()
}

// Close gives the connection's place back.
func (c *limitedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// CloseWrite says that nothing more comes, so that a client can read what it was told
// before its connection is closed (net/http does so where it can).
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
