package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// The server's limits. The API's requests are short lines from the same machine:
// whoever needs more than this is broken or hostile.
const (
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
	// closingGrace is how long a follower that does not read may hold up a
	// shutdown.
	closingGrace = time.Second
)

// Farm is the daemon as its console sees it. Its methods are called from many
// goroutines at once. An *Error that it returns reaches the client as it is.
type Farm interface {
	// Status reports the node and its farm. The caller may keep the value, and
	// does not change it.
	Status() Status
	// Start brings the node up, Stop takes it out; each returns nil if there is
	// nothing left to do. The context bounds only how long the caller waits: a
	// change that has begun goes on when the caller leaves.
	Start(ctx context.Context) error
	// Stop lets connections end for a while where services are to be stopped; force
	// neither waits nor asks these.
	Stop(ctx context.Context, force bool) error
	// Cordon drains the node and has it stay out over boots, Uncordon brings it back.
	Cordon(ctx context.Context) error
	Uncordon(ctx context.Context) error
	// Suspend has checks not count, or count again.
	Suspend(ctx context.Context, suspend bool) error
	// Reset forgets the failures of services and checks, and starts a node that has
	// stopped because of them.
	Reset(ctx context.Context) error
	// Drain has the node let no new flow in, and stop when its last flow has
	// ended or, if the deadline is not 0, after so long.
	Drain(ctx context.Context, deadline time.Duration) error
	// Restart runs the daemon's program anew in the place of this one. It returns
	// only if that fails; ready is called when nothing is left to be checked, so
	// that whoever asked can be answered before this process ends.
	Restart(ctx context.Context, ready func()) error
	// Reload reads the configuration again, or with check only says what that would
	// do. It calls begun once, with what it has done or is about to do; where that is
	// a restart, it returns only if that fails, as Restart does.
	Reload(ctx context.Context, check bool, begun func(Reload)) error
	// Weigh sets the node's weight of a rule; nil sets the configured one.
	Weigh(ctx context.Context, rule string, weight *uint8) error
	// Where tells which node serves a client. Port 0 is no port given, an empty
	// rule is the only one that fits.
	Where(client netip.Addr, port uint16, rule string) (Where, error)
}

// Server serves the API of one daemon. It makes no listener of its own and may
// serve several.
type Server struct {
	farm   Farm
	log    *Log
	logger *slog.Logger
	http   *http.Server
	// closing ends when Shutdown begins, and with it every event stream.
	closing context.Context
	close   context.CancelFunc
}

// NewServer returns a server of f and log. A nil logger is silence.
func NewServer(f Farm, log *Log, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	closing, cancel := context.WithCancel(context.Background())
	s := &Server{farm: f, log: log, logger: logger, closing: closing, close: cancel}
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	return s
}

// Serve answers requests that come in on l, which it closes in the end. It
// returns nil after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API on %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown stops listening, sends followers what is left in the log, and waits
// for the requests under way. When ctx ends first it cuts them off and returns
// ctx's error. A Server is not used again afterwards.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("end the API's requests: %w", err), s.http.Close())
}
