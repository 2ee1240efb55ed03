package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/console/pcapng"
	"thresher/internal/leftout"
	"thresher/perf/generator"
	"thresher/perf/lab"
)

// BenchmarkCapture is what a capture takes of the packet path's rate: frames as fast
// as they come, in turns with a capture and without, on a node that has a third of
// the clients. with/without is the median of the pairs' ratios.
func BenchmarkCapture(b *testing.B) {
	if err := lab.Available(); err != nil {
		leftout.Skip(b, err.Error())
	}
	const span = 100 * time.Millisecond
	for name, o := range map[string]console.CaptureOptions{
		"1000 a second":   {Rate: console.DefaultCaptureRate, Snap: console.MaxCaptureSnap},
		"10000 a second":  {Rate: console.MaxCaptureRate, Snap: console.MaxCaptureSnap},
		"nothing matches": {Rate: console.DefaultCaptureRate, Snap: console.MaxCaptureSnap, Reason: "martian"},
	} {
		b.Run(name, func(b *testing.B) {
			e := All(binary)[slices.IndexFunc(All(binary), func(e Engine) bool { return e.Name == Full })]
			bed, err := e.Start(b.Context(), Setup{Share: Share{1, 3}})
			if err != nil {
				b.Fatal(err)
			}
			defer bed.Close()
			g, err := bed.Generator(bed.Traffic(lab.SYNRange(), config.PortRange{First: 2000, Last: 2001}))
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			if err := errors.Join(bed.Discard(), bed.WarmUp(b.Context(), g)); err != nil {
				b.Fatal(err)
			}
			var ratios, without []float64
			var copied int
			measured := func() float64 {
				end := beginCapture(b, bed, o)
				defer func() { copied += end() }()
				return framesPerSecond(b, bed, g, span)
			}
			for first := false; b.Loop(); first = !first {
				// Each is the first of a pair as often as the other.
				var captured, plain float64
				if first {
					captured = measured()
				}
				plain = framesPerSecond(b, bed, g, span)
				if !first {
					captured = measured()
				}
				ratios, without = append(ratios, captured/plain), append(without, plain)
			}
			slices.Sort(ratios)
			slices.Sort(without)
			b.ReportMetric(ratios[len(ratios)/2], "with/without")
			b.ReportMetric(without[len(without)/2]/1e6, "Mframes/s")
			b.ReportMetric(float64(copied)/float64(len(ratios)), "copies/turn")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// framesPerSecond is how many frames the node took in a second: those that its veth had
// no room for are none of them.
func framesPerSecond(b *testing.B, bed *Testbed, g *generator.Generator, span time.Duration) float64 {
	b.Helper()
	before, err := bed.Counts(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	sent, err := bed.Run(b.Context(), g, span)
	if err != nil {
		b.Fatal(err)
	}
	after, err := bed.Settle(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	taken := float64(after.Sub(before).Received) / float64(sent.Frames)
	return taken * float64(sent.Timed) / sent.Elapsed.Seconds()
}

// beginCapture returns when a capture runs; end ends it and returns how many packets
// it had.
func beginCapture(b *testing.B, bed *Testbed, o console.CaptureOptions) (end func() int) {
	b.Helper()
	client, err := console.NewClient("unix://" + bed.Node.Socket())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	begun, ended := make(chan struct{}, 1), make(chan error, 1)
	packets := 0
	go func() {
		_, err := client.Capture(ctx, o, func(block pcapng.Block) error {
			select {
			case begun <- struct{}{}:
			default:
			}
			if block.IsPacket() {
				packets++
			}
			return nil
		})
		ended <- err
	}()
	select {
	case <-begun:
	case err := <-ended:
		b.Fatal(err)
	}
	return func() int {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
		client.Close()
		return packets
	}
}
