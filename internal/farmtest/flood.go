package farmtest

import (
	"context"
	"errors"
	"math/rand/v2"

	"thresher/perf/lab"
)

// Flood is SYNs at a rate, from always new clients, until Stop.
type Flood struct {
	f    *Farm
	stop context.CancelFunc
	done chan struct{}
	sent int
	err  error
}

// Flood starts to send so many SYNs a second to the echo server.
func (f *Farm) Flood(rate int) *Flood {
	ctx, stop := context.WithCancel(f.Ctx)
	flood := &Flood{f: f, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(flood.done)
		flood.err = flood.send(ctx, rate)
	}()
	f.T.Cleanup(func() { flood.Stop() })
	return flood
}

// send sends the same clients' SYNs again and again, each time as others.
func (d *Flood) send(ctx context.Context, rate int) error {
	from := lab.SYNSources(200_000)
	for {
		n, err := d.f.Client.SendSYNs(ctx, lab.SYNs{To: Echo(), MAC: d.f.VMAC(), From: from, Rate: rate, Salt: rand.Uint32()})
		d.sent += n
		if err != nil {
			return err
		}
	}
}

// Stop ends the flood and returns how many SYNs were sent. It may be called more
// than once.
func (d *Flood) Stop() int {
	d.f.T.Helper()
	d.stop()
	<-d.done
	if !errors.Is(d.err, context.Canceled) {
		d.f.Must(d.err)
	}
	return d.sent
}
