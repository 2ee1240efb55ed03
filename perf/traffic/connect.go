package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"thresher/perf/lab"
)

// ConnectOptions are the connections that a Connector opens.
type ConnectOptions struct {
	// To is the echo server, the VIP's.
	To netip.AddrPort
	// Rate is how many connections are opened in a second. Default 200.
	Rate int
	// Patience is how long a connection may take to open, and again its echo,
	// before it counts as lost. Default 5 s: three retransmissions.
	Patience time.Duration
	// Sources are the clients' addresses, used in turn. Default: the addresses of
	// lab.SYNRange, which only the first client has.
	Sources []netip.Addr
	// Limit is how long it goes on at most. Default 2 min.
	Limit time.Duration
}

// Connector opens connections until Stop.
type Connector struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu  sync.Mutex
	all []Connection
	err error // set before done is closed
}

// Connection is one that a Connector opened, or tried to.
type Connection struct {
	// Client is its own end; the zero value if it had no socket.
	Client netip.AddrPort
	// Started is when it was begun.
	Started time.Time
	// Opened is how long it took to open, Echoed how long its one echo took; zero
	// for what did not happen.
	Opened, Echoed time.Duration
	// Trouble is how it failed, Err the error.
	Trouble Trouble
	Err     error
}

// Connect starts to open connections from the host: each is opened, echoes one
// message and is closed with a reset. The caller calls Stop.
func Connect(ctx context.Context, h *lab.Host, o ConnectOptions) *Connector {
	o.setDefaults()
	ctx, cancel := context.WithCancel(ctx)
	c := &Connector{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		d := newDialer(h)
		n := int(o.Limit.Seconds() * float64(o.Rate))
		err := paced(ctx, n, o.Rate, func(i int) { c.note(d.visit(o, i)) })
		if errors.Is(err, context.Canceled) {
			err = nil // Stop.
		}
		c.err = errors.Join(err, d.close())
	}()
	return c
}

func (o *ConnectOptions) setDefaults() {
	if o.Rate <= 0 {
		o.Rate = 200
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	if o.Limit <= 0 {
		o.Limit = 2 * time.Minute
	}
	if len(o.Sources) == 0 {
		for _, s := range lab.SYNSourcesTo(o.To.Addr(), sourceAddresses) {
			o.Sources = append(o.Sources, s.Addr())
		}
	}
}

// visit opens the connection with that number, echoes and closes.
func (d *dialer) visit(o ConnectOptions, number int) (v Connection) {
	v.Started = time.Now()
	c, err := d.dial(o.Sources[number%len(o.Sources)], o.To, v.Started.Add(o.Patience))
	if c != nil {
		v.Client = c.client
	}
	if err == nil {
		v.Opened = time.Since(v.Started)
		v.Echoed, err = c.echo(uint64(number), o.Patience)
		err = errors.Join(err, c.abort())
	}
	v.Trouble, v.Err = troubleOf(err), err
	return v
}

func (c *Connector) note(v Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, v)
}

// Stop opens no more, waits for those under way, and returns all of them in the
// order of their beginning.
func (c *Connector) Stop() ([]Connection, error) {
	c.cancel()
	<-c.done
	if c.err != nil {
		return nil, fmt.Errorf("traffic: connect: %w", c.err)
	}
	slices.SortFunc(c.all, func(a, b Connection) int { return a.Started.Compare(b.Started) })
	return c.all, nil
}

// Retransmissions counts the SYNs of these connections that had to be sent again,
// as the watch saw them.
func Retransmissions(all []Connection, watch *lab.Handshakes) (n int) {
	ours := make(map[netip.AddrPort]bool, len(all))
	for _, c := range all {
		ours[c.Client] = true
	}
	for _, h := range watch.Retransmitted() {
		if ours[h.Client] {
			n += h.Times - 1
		}
	}
	return n
}
