package engine

import (
	"context"
	"fmt"
	"time"

	"thresher/perf/generator"
)

const (
	// warmTimeout is how long an engine may take until it judges traffic as it
	// was set up to.
	warmTimeout = 10 * time.Second
	// warmFrames are sent at a time while warming up: a share of 1/32 shows.
	warmFrames = 512
	// warmOthers are packets of the farm's own that may be judged meanwhile. More than
	// these are traffic of a try before, which a reader in user space came to late.
	warmOthers = 16
	// settleTimeout is how long frames may be under way after the last one was
	// made. All are there when none came in settleSteps of settleStep each: a busy
	// machine may have a reader in user space wait for one.
	settleTimeout, settleStep, settleSteps = time.Second, 5 * time.Millisecond, 4
)

// Send makes n frames.
func (b *Testbed) Send(g *generator.Generator, n uint32) error {
	return b.Lab.Switch.Do(func() error {
		_, err := g.Send(n)
		return err
	})
}

// Run makes frames for the time d on a CPU of the generator's own.
func (b *Testbed) Run(ctx context.Context, g *generator.Generator, d time.Duration) (sent generator.Sent, err error) {
	err = b.Lab.Switch.Do(func() error {
		if err := generator.Pin(); err != nil {
			return err
		}
		sent, err = g.Run(ctx, d)
		return err
	})
	return sent, err
}

// WarmUp sends traffic until the engine judges it as it should: it has all that
// it needs from the other nodes, and no packet takes the slow way that need not.
func (b *Testbed) WarmUp(ctx context.Context, g *generator.Generator) error {
	ctx, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	for {
		c, err := b.try(ctx, g)
		if err != nil {
			return err
		}
		if b.warm(c) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("of %d frames the engine judged %d, let in %d and had no table for %d: %w",
				warmFrames, c.Judged, c.Delivered, c.NotServing, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// try sends a few frames and returns what became of them.
func (b *Testbed) try(ctx context.Context, g *generator.Generator) (Counts, error) {
	before, err := b.Counts(ctx)
	if err != nil {
		return Counts{}, err
	}
	if err := b.Send(g, warmFrames); err != nil {
		return Counts{}, err
	}
	after, err := b.Settle(ctx)
	return after.Sub(before), err
}

// warm judges one try. What is let in may be more than traffic by a few packets
// of the farm's own.
func (b *Testbed) warm(c Counts) bool {
	if c.Judged < warmFrames || c.Judged > warmFrames+warmOthers || c.NotServing > 0 || c.Copied > 0 {
		return false
	}
	if b.sunk != nil && b.setup.Share.Mine < b.setup.Share.Of && c.SentOn == 0 {
		return false
	}
	return b.setup.Share.Mine == 0 || b.dropsAll || c.Delivered >= warmFrames/64
}

// Settle waits until no frame is under way and returns the counts.
func (b *Testbed) Settle(ctx context.Context) (Counts, error) {
	deadline := time.Now().Add(settleTimeout)
	last, err := b.Counts(ctx)
	for quiet := 0; err == nil && quiet < settleSteps && time.Now().Before(deadline); {
		time.Sleep(settleStep)
		var c Counts
		c, err = b.Counts(ctx)
		quiet++
		if c.Judged != last.Judged || c.Delivered != last.Delivered || c.SentOn != last.SentOn {
			quiet = 0
		}
		last = c
	}
	return last, err
}
