package traffic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"thresher/config"
	"thresher/perf/lab"
)

// ProbeOptions are the SYNs of a prober.
type ProbeOptions struct {
	// To is the VIP's server, MAC the VMAC.
	To  netip.AddrPort
	MAC config.MAC
	// Every is the time between SYNs. Default 10 ms.
	Every time.Duration
	// From are the clients that send them, in turn; Clients finds those of one
	// node. Default: a new client each time, from lab.SYNSourcesTo.
	From []netip.AddrPort
	// Limit is how long it probes at most. Default 2 min.
	Limit time.Duration
}

// answerPatience is how long Stop waits for answers to the last SYNs: longer than
// a farm may hold a SYN back while a bucket moves, 300 ms.
const answerPatience = 500 * time.Millisecond

// Prober sends SYNs until Stop.
type Prober struct {
	watch  *lab.Handshakes
	syns   lab.SYNs
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
	sent   int
	err    error
}

// Probe starts to send SYNs from the host, at which the watch looks. The host's
// kernel knows nothing of them and resets what is accepted, so that the nodes keep
// no half-open connection. The watch must not forget before Stop. The caller calls
// Stop.
func Probe(ctx context.Context, h *lab.Host, watch *lab.Handshakes, o ProbeOptions) *Prober {
	if o.Every <= 0 {
		o.Every = 10 * time.Millisecond
	}
	if o.Limit <= 0 {
		o.Limit = 2 * time.Minute
	}
	n := int(o.Limit / o.Every)
	if len(o.From) == 0 {
		o.From = lab.SYNSourcesTo(o.To.Addr(), n)
	}
	from := make([]netip.AddrPort, n)
	for i := range from {
		from[i] = o.From[i%len(o.From)]
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &Prober{watch: watch, cancel: cancel, done: make(chan struct{})}
	p.syns = lab.SYNs{
		To: o.To, MAC: o.MAC, From: from, Rate: int(time.Second / o.Every),
		// SYNs of other probers from the same clients are others.
		Salt: rand.Uint32(),
	}
	go func() {
		defer close(p.done)
		p.sent, p.err = h.SendSYNs(ctx, p.syns)
	}()
	return p
}

// Stop ends the sending, waits a moment for the last answers, and returns what
// came of every SYN. An error if the SYNs could not be sent, or if the watch
// missed frames. It may be called more than once; the context bounds the waiting.
func (p *Prober) Stop(ctx context.Context) (Timeline, error) {
	p.once.Do(func() {
		p.cancel()
		<-p.done
		if errors.Is(p.err, context.Canceled) {
			p.err = nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(answerPatience):
		}
	})
	if err := errors.Join(p.err, p.watch.Check()); err != nil {
		return nil, fmt.Errorf("traffic: probe: %w", err)
	}
	t := make(Timeline, 0, p.sent)
	for i := range p.sent {
		h, ok := p.watch.Of(p.syns.SYN(i))
		if !ok || h.Sent.IsZero() {
			return nil, fmt.Errorf("traffic: probe: SYN %d of %d was not seen to leave", i, p.sent)
		}
		try := Tried{Client: h.Client, Sent: h.Sent}
		if try.After, try.Answered = h.Took(); try.Answered {
			try.By = h.By[0]
		}
		t = append(t, try)
	}
	return t, nil
}

// Clients finds out which of n clients each node serves now, by one SYN from each:
// by the nodes' Ethernet addresses. Clients that nobody answers are left out. It is
// the farm's own word for it that counts, so that rules, affinity and hash need
// not be known.
func Clients(ctx context.Context, h *lab.Host, watch *lab.Handshakes, o ProbeOptions, n int) (map[config.MAC][]netip.AddrPort, error) {
	// Quick, but no burst that a queue would lose.
	const every = 500 * time.Microsecond
	o.Every, o.Limit = every, time.Duration(n)*every
	p := Probe(ctx, h, watch, o)
	select {
	case <-ctx.Done():
	case <-p.done:
	}
	t, err := p.Stop(ctx)
	if err != nil {
		return nil, err
	}
	all := map[config.MAC][]netip.AddrPort{}
	for _, try := range t {
		if try.Answered {
			all[try.By] = append(all[try.By], try.Client)
		}
	}
	return all, nil
}
