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

// KeepOptions are the connections that a Keeper holds.
type KeepOptions struct {
	// To is the echo server, the VIP's.
	To netip.AddrPort
	// Busy connections echo a message in every Every; Idle ones are silent until
	// Finish.
	Busy, Idle int
	// Every is the time between a busy connection's messages. Default 100 ms. They
	// are spread evenly over it.
	Every time.Duration
	// Patience is how long an echo, or the opening of a connection, may take
	// before it counts as lost. Default 5 s: three retransmissions.
	Patience time.Duration
	// Rate is how many connections are opened in a second, and how many idle ones
	// asked in a second at the end. Default 2,000.
	Rate int
	// Sources are the clients' addresses, used in turn. Default: one of
	// lab.SYNRange for each connection, which only the first client has.
	Sources []netip.Addr
}

// Keeper holds established connections.
type Keeper struct {
	options KeepOptions
	all     []*held
	quit    chan struct{} // ends the busy ones
	busy    sync.WaitGroup
	once    sync.Once
}

// held is one connection and what happened to it. Its goroutine, if it has one,
// owns it until the Keeper's quit has ended that.
type held struct {
	*conn
	number  int
	echoes  uint64
	worst   time.Duration
	worstAt time.Time
	err     error
	broke   time.Time
	closed  bool
}

// Report is what the clients of a Keeper noticed.
type Report struct {
	// Connections is how many there were, Echoes how many messages came back.
	Connections int
	Echoes      uint64
	// Broken are the connections that did not last, in the order of time.
	Broken []Broken
	// Worst is the longest time that an echo took, which connection had it, and
	// when that echo was asked for.
	Worst       time.Duration
	WorstClient netip.AddrPort
	WorstAt     time.Time
}

// Broken is a connection that did not last.
type Broken struct {
	// Client is its own end.
	Client netip.AddrPort
	// Idle is set for one that was silent until the end.
	Idle bool
	// At is when it was noticed: of an idle one, at the end only.
	At time.Time
	// Trouble is how it broke, Err the error.
	Trouble Trouble
	Err     error
}

// Keep opens the connections and returns when all of them stand. An error says
// which could not be opened; then nothing is left open. The caller ends it with
// Finish or Close.
//
// It raises this process's limit of open files where that is too low for them.
// Servers of many connections are better processes of their own (lab.Host's
// StartEchoProcess).
func Keep(ctx context.Context, h *lab.Host, o KeepOptions) (*Keeper, error) {
	o.setDefaults()
	k := &Keeper{options: o, quit: make(chan struct{})}
	err := allowDescriptors(o.Busy + o.Idle)
	if err == nil {
		err = k.open(ctx, h)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("traffic: keep %d connections: %w", o.Busy+o.Idle, err), k.Close())
	}
	start := time.Now()
	for i, c := range k.all[:o.Busy] {
		first := start.Add(o.Every * time.Duration(i) / time.Duration(o.Busy))
		k.busy.Go(func() { c.talk(k.quit, first, o.Every, o.Patience) })
	}
	return k, nil
}

func (o *KeepOptions) setDefaults() {
	if o.Every <= 0 {
		o.Every = 100 * time.Millisecond
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	if o.Rate <= 0 {
		o.Rate = 2000
	}
	if len(o.Sources) == 0 {
		for _, s := range lab.SYNSourcesTo(o.To.Addr(), min(o.Busy+o.Idle, sourceAddresses)) {
			o.Sources = append(o.Sources, s.Addr())
		}
	}
}

// sourceAddresses is how many addresses lab.SYNSources has before it begins with
// another port.
const sourceAddresses = 32000

// open opens every connection, at the rate.
func (k *Keeper) open(ctx context.Context, h *lab.Host) error {
	n := k.options.Busy + k.options.Idle
	k.all = make([]*held, n)
	d := newDialer(h)
	err := paced(ctx, n, k.options.Rate, func(i int) {
		from := k.options.Sources[i%len(k.options.Sources)]
		c, err := d.dial(from, k.options.To, time.Now().Add(k.options.Patience))
		k.all[i] = &held{conn: c, number: i, err: err}
	})
	errs := []error{err, d.close()}
	k.all = slices.DeleteFunc(k.all, func(c *held) bool {
		if c == nil {
			return true // The context ended first.
		}
		errs = append(errs, c.err)
		return c.err != nil
	})
	return joinFirst(errs)
}

// joinFirst joins the first errors and counts the others: one cause makes
// thousands.
func joinFirst(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	const shown = 3
	if more := len(errs) - shown; more > 0 {
		errs = append(errs[:shown:shown], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// talk echoes a message in every period until quit, or until it breaks. A message
// that is late does not make the next ones late.
func (c *held) talk(quit <-chan struct{}, first time.Time, every, patience time.Duration) {
	timer := time.NewTimer(time.Until(first))
	defer timer.Stop()
	for due := first; ; {
		select {
		case <-quit:
			return
		case <-timer.C:
		}
		if c.ask(patience); c.err != nil {
			return
		}
		for due = due.Add(every); time.Until(due) < 0; {
			due = due.Add(every)
		}
		timer.Reset(time.Until(due))
	}
}

// ask echoes one message.
func (c *held) ask(patience time.Duration) {
	at := time.Now()
	took, err := c.echo(uint64(c.number)<<32|c.echoes, patience)
	if err != nil {
		c.err, c.broke = err, time.Now()
		return
	}
	c.echoes++
	if took > c.worst {
		c.worst, c.worstAt = took, at
	}
}

// Finish ends the talking, echoes a last message on every connection, closes them
// all and reports. The context bounds how long it takes.
func (k *Keeper) Finish(ctx context.Context) (Report, error) {
	k.stop()
	err := paced(ctx, len(k.all), k.options.Rate, func(i int) {
		if c := k.all[i]; c.err == nil {
			c.ask(k.options.Patience)
		}
	})
	if err = errors.Join(err, k.Close()); err != nil {
		return k.report(), fmt.Errorf("traffic: finish: %w", err)
	}
	return k.report(), nil
}

func (k *Keeper) report() Report {
	r := Report{Connections: len(k.all)}
	for _, c := range k.all {
		r.Echoes += c.echoes
		if c.worst > r.Worst {
			r.Worst, r.WorstAt, r.WorstClient = c.worst, c.worstAt, c.client
		}
		if c.err != nil {
			r.Broken = append(r.Broken, Broken{
				Client: c.client, Idle: c.number >= k.options.Busy, At: c.broke, Trouble: troubleOf(c.err), Err: c.err,
			})
		}
	}
	slices.SortFunc(r.Broken, func(a, b Broken) int { return a.At.Compare(b.At) })
	return r
}

// Clients are the connections' own ends.
func (k *Keeper) Clients() []netip.AddrPort {
	all := make([]netip.AddrPort, len(k.all))
	for i, c := range k.all {
		all[i] = c.client
	}
	return all
}

// stop ends the busy connections' goroutines.
func (k *Keeper) stop() {
	k.once.Do(func() { close(k.quit) })
	k.busy.Wait()
}

// Close closes every connection, with a reset so that nothing of it is left. It may
// be called more than once.
func (k *Keeper) Close() error {
	k.stop()
	var errs []error
	for _, c := range k.all {
		if c.conn != nil && !c.closed {
			c.closed = true
			errs = append(errs, c.abort())
		}
	}
	return joinFirst(errs)
}
