package lab

import (
	"net"
	"sync"
)

// echoBuffer is what one read of an echoed connection takes, in bytes: enough for
// the small messages of thousands of connections, and little enough for each to
// have its own.
const echoBuffer = 64

// StartTCPEcho sends everything that comes on a connection to the address inside
// the host back. It is made for thousands of connections that say little.
func (h *Host) StartTCPEcho(address string) (*Service, error) {
	listener, err := h.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	e := newTCPEcho(listener)
	s := &Service{Addr: listener.Addr(), stop: e.close, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		e.accept()
		e.running.Wait()
	}()
	if err := h.own(s); err != nil {
		return nil, err
	}
	return s, nil
}

type tcpEcho struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func newTCPEcho(l net.Listener) *tcpEcho {
	return &tcpEcho{listener: l, conns: map[net.Conn]bool{}}
}

func (e *tcpEcho) accept() {
	for {
		conn, err := e.listener.Accept()
		if err != nil {
			return // That of Close: the listener has no other in a namespace of its own.
		}
		if !e.add(conn) {
			continue
		}
		e.running.Go(func() {
			defer e.remove(conn)
			buf := make([]byte, echoBuffer)
			for {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				if _, err := conn.Write(buf[:n]); err != nil {
					return
				}
			}
		})
	}
}

// add takes note of a connection, so that close can end it.
func (e *tcpEcho) add(conn net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		_ = conn.Close() // Too late to tell anybody.
		return false
	}
	e.conns[conn] = true
	return true
}

func (e *tcpEcho) remove(conn net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, conn)
	_ = conn.Close() // The peer has ended it, or nobody listens any more.
}

func (e *tcpEcho) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for conn := range e.conns {
		_ = conn.Close() // Its goroutine sees that it is closed.
	}
	return e.listener.Close()
}
