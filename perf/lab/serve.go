package lab

import (
	"io"
	"net"
	"net/http"
	"sync"
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
