package crowd

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

const (
	// Connections is how many a listener may have.
	Connections = 512
	// PerAddress is how many of them one address of people, tools or nodes may have.
	PerAddress = 64
)

// limited closes connections that are too many: who opens thousands must not take the
// others' place.
type limited struct {
	net.Listener
	perAddress int
	mu         sync.Mutex
	open       []*conn // the oldest first
}

// Limit bounds the connections of l: all of them, those of one address, and those of
// strangers (see Known) from one place. Where all are taken, a newcomer gets the place
// of a stranger's. Those of a unix socket have one address.
func Limit(l net.Listener, perAddress int) net.Listener {
	return &limited{Listener: l, perAddress: perAddress}
}

// Accept waits for a connection that is not too many.
func (l *limited) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: accepted, from: AddressOf(accepted.RemoteAddr()), listener: l}
		ousted, ok := l.take(c)
		if ousted != nil {
			_ = ousted.Close()
		}
		if ok {
			return c, nil
		}
		_ = accepted.Close()
	}
}

// AddressOf is the address of one end of a connection; that of a unix socket is none.
func AddressOf(a net.Addr) netip.Addr {
	ap, _ := netip.ParseAddrPort(a.String())
	return ap.Addr().Unmap()
}

// take gives c a place if it may have one, perhaps that of another one, which is to be
// closed.
func (l *limited) take(c *conn) (ousted *conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same, strangers := 0, 0
	for _, o := range l.open {
		if o.from == c.from {
			same++
		}
		if !o.known && Of(o.from) == Of(c.from) {
			strangers++
		}
	}
	if same >= l.perAddress || strangers >= l.perAddress {
		return nil, false
	}
	if len(l.open) >= Connections {
		if ousted = l.mostCrowded(); ousted == nil {
			return nil, false
		}
		l.drop(ousted)
	}
	l.open = append(l.open, c)
	return ousted, true
}

// mostCrowded is the oldest stranger's connection from where there are most of them:
// where many places hold a few each, newer ones are left long enough to say who they
// are. It is nil if no connection is a stranger's.
func (l *limited) mostCrowded() *conn {
	strangers := make(map[netip.Addr]int)
	for _, o := range l.open {
		if !o.known {
			strangers[Of(o.from)]++
		}
	}
	var found *conn
	for _, o := range l.open {
		if !o.known && (found == nil || strangers[Of(o.from)] > strangers[Of(found.from)]) {
			found = o
		}
	}
	return found
}

// drop takes c's place away, if it has one still. The caller holds the lock.
func (l *limited) drop(c *conn) {
	if i := slices.Index(l.open, c); i >= 0 {
		l.open = slices.Delete(l.open, i, i+1)
	}
}

// conn is a connection that has a place.
type conn struct {
	net.Conn
	from     netip.Addr
	listener *limited
	known    bool // the listener's lock guards it
}

// Known notes that the other end of a connection has shown who it is, so that it is no
// stranger's any more. c is one of Limit's, or something over one, such as TLS; others
// have no places.
func Known(c net.Conn) {
	for {
		if one, ok := c.(*conn); ok {
			one.listener.mu.Lock()
			defer one.listener.mu.Unlock()
			one.known = true
			return
		}
		over, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = over.NetConn()
	}
}

// NetConn is the connection itself, as tls.Conn has it.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Close gives the connection's place back.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	c.listener.drop(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite says that nothing more comes, so that a client can read what it was told
// before its connection is closed (net/http does so where it can).
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
