package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"thresher/config"
	"thresher/console/access"
	"thresher/console/invite"
	"thresher/console/signon"
	"thresher/console/trust"
	"thresher/internal/crowd"
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
	// Datapath is what Status has of it, for who asks often.
	Datapath() Datapath
	// Buckets tells whose that many buckets of a rule are, evenly picked.
	Buckets(rule string, cells int) (Buckets, error)
	// Reload reads the configuration again, or with check only says what that would
	// do. It calls begun once, with what it has done or is about to do; where that is
	// a restart, it returns only if that fails, as Restart does.
	Reload(ctx context.Context, check bool, begun func(Reload)) error
	// Weigh sets the node's weight of a rule; nil sets the configured one.
	Weigh(ctx context.Context, rule string, weight *uint8) error
	// Configuration is the file's text.
	Configuration() (Configuration, error)
	// Plan says what another text would do. Rules may differ in it: all nodes are
	// given theirs.
	Plan(ctx context.Context, text []byte) (Reload, error)
	// Try puts a text into the place of the one with that ETag, on trial. It calls
	// begun as Reload does.
	Try(ctx context.Context, text []byte, etag string, t Trial, begun func(Reload)) error
	// Trial is the last trial, over restarts too.
	Trial() Trial
	// EndTrial keeps the text on trial or puts the one before in force again, as t
	// says.
	EndTrial(ctx context.Context, t Trial) error
	// Admit gives a newcomer what it needs, and remembers where it will be.
	Admit(ctx context.Context, in Newcomer) (Admission, error)
	// AddPeer remembers where a newcomer will be that another node has let in.
	AddPeer(ctx context.Context, in Newcomer) error
	// Keys are the ids of the node's gossip keys.
	Keys(ctx context.Context) (NodeKeys, error)
	// KeyOf is one of them, by its id.
	KeyOf(ctx context.Context, id string) ([32]byte, bool)
	// StepKeys has the node do a step towards the key with that id, or back from it:
	// when it returns, that is on the disk and in force. Only config.KeyAdd needs
	// the key.
	StepKeys(ctx context.Context, step config.KeyStep, id string, key [32]byte) error
	// Where tells which node serves a client by a rule, or by each if none is named:
	// then with a reason where it can tell of none. Port 0 is no port given.
	Where(client netip.Addr, port uint16, rule string) ([]Where, error)
	// Capture copies packets and hands them to each until the context ends, each fails
	// or it can't go on. The first call, with no packets, tells that it has begun.
	Capture(ctx context.Context, o CaptureOptions, each func(Captured) error) error
}

// Server serves the API of one daemon: to this machine, to people and tools, and
// to the farm's other nodes, each by listeners of their own.
type Server struct {
	farm   Farm
	log    *Log
	logger *slog.Logger
	// What Open has set.
	name    string
	keeper  *access.Keeper
	issuer  *signon.Issuer // nil if there is none
	peers   *peers
	traffic *traffic
	own     *watch // this node's state
	whole   *watch // the farm's
	metrics http.Handler

	invitations invite.Book
	keyTurn     keyTurn
	trial       atomic.Pointer[Trial] // as this node sees it; nil if none is undecided

	streams atomic.Int64 // of people and tools, by now
	relayed atomic.Int64 // streams of other nodes among them
	// socketStreams are those of who asks by the unix socket.
	socketStreams atomic.Int64

	socket  *http.Server
	running sync.WaitGroup
	mu      sync.Mutex
	servers []*http.Server // that are serving
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
	s := &Server{farm: f, log: log, logger: logger, closing: closing, close: cancel, traffic: newTraffic()}
	s.own = newWatch(s, "status", func(context.Context) (func() any, <-chan struct{}) {
		return func() any { return s.farm.Status() }, nil
	})
	s.whole = newWatch(s, "farm", s.listen)
	s.socket = s.server(bySocket(s.routes(func(route) bool { return true })))
	s.socket.ConnContext = socketContext
	return s
}

// server makes an HTTP server with the API's limits.
func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ConnContext:       withConn,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// serve serves l by one server, which Shutdown ends.
func (s *Server) serve(one *http.Server, l net.Listener) error {
	s.mu.Lock()
	if s.closing.Err() != nil {
		s.mu.Unlock()
		return l.Close()
	}
	s.servers = append(s.servers, one)
	s.mu.Unlock()
	var err error
	if one.TLSConfig != nil {
		err = one.ServeTLS(l, "", "")
	} else {
		err = one.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API on %s: %w", l.Addr(), err)
	}
	return nil
}

// Options are what a server needs besides to know its farm and its users.
type Options struct {
	// Node is this node's name.
	Node string
	// Keeper lets people and tools in; nil if nobody is.
	Keeper *access.Keeper
	// Issuer has people log in elsewhere; nil if none does.
	Issuer *signon.Issuer
	// Peers is by what the nodes know one another, and PeerPort where the others
	// listen; nil if they do not ask one another.
	Peers    *trust.Identity
	PeerPort uint16
	// Metrics answers /metrics; nil for nothing.
	Metrics http.Handler
}

// Open completes a server before anything is served, and begins to write the
// traffic down.
func (s *Server) Open(o Options) {
	s.name, s.keeper, s.issuer, s.metrics = o.Node, o.Keeper, o.Issuer, o.Metrics
	if o.Peers != nil {
		s.peers = newPeers(o.Node, o.Peers, o.PeerPort)
	}
	s.begin(func() { s.traffic.sample(s.closing, s.farm) })
	s.begin(func() { s.tryOut(s.closing) })
}

// begin has f run beside the requests, until closing ends; then nothing is begun any
// more.
func (s *Server) begin(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() == nil {
		s.running.Go(f)
	}
}

// Serve answers requests that come in on the unix socket l, which it closes in the
// end. It returns nil after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	return s.serve(s.socket, crowd.Limit(l, crowd.Connections))
}

// ServePeople answers people and tools on l, as the node that they know by those
// names; without a certificate, in clear.
func (s *Server) ServePeople(l net.Listener, c *Certificate, names []string) error {
	people := s.server(s.newGuard(names).wrap(s.routes(func(route) bool { return true })))
	if c != nil {
		people.TLSConfig = c.config()
	}
	return s.serve(people, crowd.Limit(l, crowd.PerAddress))
}

// ServePeers answers the farm's other nodes on l.
func (s *Server) ServePeers(l net.Listener) error {
	peers := s.server(s.byNodesAndNewcomers(s.peers.let(s.routes(func(r route) bool { return r.peers }))))
	peers.TLSConfig = s.peers.identity.Server()
	return s.serve(peers, crowd.Limit(l, crowd.PerAddress))
}

// Shutdown stops listening, sends followers what is left in the log, and waits
// for the requests under way and for what goes on beside them. When ctx ends first it
// cuts the requests off and returns ctx's error. A Server is not used again afterwards.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.close()
	servers := s.servers
	s.mu.Unlock()
	var errs []error
	for _, one := range servers {
		if err := one.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("end the API's requests: %w", err), one.Close())
		}
	}
	s.peers.close()
	return errors.Join(append(errs, s.await(ctx))...)
}

// await waits for what begin has begun.
func (s *Server) await(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { defer close(ended); s.running.Wait() }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end what the API does by itself: %w", ctx.Err())
	}
}
