package console

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"thresher/console/trust"
)

// The limits of talking to another node.
const (
	peerDialTimeout = time.Second
	// peerSilence is how long another node's kernel may be silent before its connection
	// is given up: one that has lost its power says no more than that.
	peerSilence = 10 * time.Second
	peerIdle    = 30 * time.Second
	maxPeerIdle = 4
)

// peers are the ways to the other nodes. A nil one has none.
type peers struct {
	self     string
	identity *trust.Identity
	port     uint16
	// handshake is how long a node whose kernel has taken a connection may take to show
	// who it is: peerDialTimeout, but in tests, which may share a busy machine.
	handshake time.Duration

	mu    sync.Mutex
	known map[peer]*http.Client
	keys  context.Context // done when others are in force than those of known
	stale context.CancelFunc
}

// peer is another node, at an address that it may change.
type peer struct {
	name    string
	address netip.Addr
}

func newPeers(self string, i *trust.Identity, port uint16) *peers {
	p := &peers{self: self, identity: i, port: port, handshake: peerDialTimeout, known: make(map[peer]*http.Client)}
	p.keys, p.stale = context.WithCancel(context.Background())
	return p
}

// client returns a client of another node, for somebody who asks here.
func (p *peers) client(n Node, behalf string) (*Client, error) {
	unknown := &Error{Code: CodeUnreachable, Message: fmt.Sprintf("node %s can't be asked from here", n.Name)}
	switch {
	case p == nil:
		unknown.Cure = "a farm without a key does not let its nodes ask one another: give it one by cluster.key_file"
	case p.port == 0:
		unknown.Cure = "set api.peer_port, the same on all nodes"
	case !n.Address.IsValid():
		unknown.Cure = "its address is not known: wait until it has joined"
	default:
		at := net.JoinHostPort(n.Address.String(), strconv.Itoa(int(p.port)))
		return &Client{api: n.Name + " at " + at, scheme: "https", host: at, behalf: behalf, http: p.transport(peer{n.Name, n.Address})}, nil
	}
	return nil, unknown
}

func (p *peers) transport(to peer) *http.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.known[to]; c != nil {
		return c
	}
	for other, c := range p.known { // at another address by now
		if other.name == to.name {
			c.CloseIdleConnections()
			delete(p.known, other)
		}
	}
	c := &http.Client{Transport: &http.Transport{
		DialContext:     peerDialer().DialContext,
		TLSClientConfig: p.identity.Client(to.name), TLSHandshakeTimeout: p.handshake,
		IdleConnTimeout: peerIdle, MaxIdleConnsPerHost: maxPeerIdle,
	}}
	p.known[to] = c
	return c
}

// peerDialer makes connections that end by themselves when nobody is at their other end
// any more, whether a request is on its way or its answer, which may rightly take long.
func peerDialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         peerDialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: peerSilence / 4, Interval: peerSilence / 4},
		Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			// The kernel counts it from the last that it has heard, keep-alives included.
			if cerr := c.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(peerSilence.Milliseconds()))
			}); cerr != nil {
				return cerr
			}
			return err
		},
	}
}

// forget has the next client be made under the keys of then, and ends what others
// say for long.
func (p *peers) forget() {
	p.close()
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.known)
	p.stale()
	p.keys, p.stale = context.WithCancel(context.Background())
}

// underKeys is a context that ends when other keys are in force.
func (p *peers) underKeys(ctx context.Context) (context.Context, context.CancelFunc) {
	p.mu.Lock()
	keys := p.keys
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(keys, cancel)
	return ctx, func() { stop(); cancel() }
}

func (p *peers) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.known {
		c.CloseIdleConnections()
	}
}
