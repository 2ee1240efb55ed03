package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"thresher/perf/engine"
	"thresher/perf/report"
)

const (
	// verdictFrames are as many different packets as one measurement has.
	verdictFrames = 64
	// verdictRepeat is how often the kernel runs the program on each in one
	// call: often enough that the call, some 2 µs, is less than 1 ns of a
	// packet, and short enough to be left alone most of the time.
	verdictRepeat = 4000
	// verdictPasses is how often each packet has its turn at least.
	verdictPasses = 3
)

// program is a BPF program that can be run apart from traffic.
type program interface {
	Run(*ebpf.RunOptions) (uint32, error)
	Close() error
}

// verdictTrial is the program of an engine, run on frames of its traffic.
type verdictTrial struct {
	bed     *engine.Testbed
	program program
	frames  [][]byte
	time    time.Duration
}

// startVerdict sets the engine up as for traffic and takes the very program that
// is attached, with its maps as they stand.
func startVerdict(ctx context.Context, o Options, e engine.Engine, s engine.Setup) (trial, error) {
	bed, err := e.Start(ctx, s)
	if err != nil {
		return nil, err
	}
	t := &verdictTrial{bed: bed, time: o.Time}
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", e.Name, err), t.close())
	}
	return t, nil
}

func (t *verdictTrial) prepare(ctx context.Context) (err error) {
	if t.frames, err = warmFrames(ctx, t.bed); err != nil {
		return err
	}
	t.program, err = t.bed.XDPProgram()
	return err
}

// warmFrames warms an engine up and makes frames of its traffic.
func warmFrames(ctx context.Context, bed *engine.Testbed) (frames [][]byte, err error) {
	gen, err := bed.Generator(bed.Traffic(anyClients()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, gen.Close()) }()
	if err := bed.WarmUp(ctx, gen); err != nil {
		return nil, err
	}
	for len(frames) < verdictFrames {
		frame, err := gen.Frame()
		if err != nil {
			return nil, err
		}
		frames = append(frames, frame)
	}
	return frames, nil
}

// measure goes through the frames until its time is over, and takes the least time of each frame: whatever else the machine does
// only adds to it.
func (t *verdictTrial) measure(ctx context.Context) (sample, error) {
	least := make([]time.Duration, len(t.frames))
	for start, passes := time.Now(), 0; passes < verdictPasses || time.Since(start) < t.time; passes++ {
		for i, frame := range t.frames {
			called := time.Now()
			if _, err := t.program.Run(&ebpf.RunOptions{Data: frame, Repeat: verdictRepeat}); err != nil {
				return nil, fmt.Errorf("run the XDP program: %w", err)
			}
			if took := time.Since(called); passes == 0 || took < least[i] {
				least[i] = took
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	var sum time.Duration
	for _, d := range least {
		sum += d
	}
	return sample{nanos: float64(sum.Nanoseconds()) / float64(len(least)) / verdictRepeat}, nil
}

func (t *verdictTrial) close() error {
	var errs []error
	if t.program != nil {
		errs = append(errs, t.program.Close())
	}
	return errors.Join(append(errs, t.bed.Close())...)
}

// verdictRows are engines whose programs are run apart from traffic.
func verdictRows(o Options, s engine.Setup, names ...string) []row {
	var rows []row
	for _, e := range pick(o, names...) {
		rows = append(rows, row{e.Name, e.Title, func(ctx context.Context) (trial, error) {
			return startVerdict(ctx, o, e, s)
		}})
	}
	return rows
}

// shortened is the time for scenarios with many cases.
func (o Options) shortened() Options {
	o.Time /= 4
	return o
}

func verdictScenario() scenario {
	return scenario{
		name: "verdict", title: "nanoseconds a packet in the XDP program alone",
		method: fmt.Sprintf("The attached program of the running engine, with its maps as they stand, run %d times in a row by "+
			"BPF_PROG_TEST_RUN on each of %d packets of random clients, so that all that it needs is in the CPU's caches; the mean of "+
			"the packets' least times. "+
			"The bare programs show what the kernel's loop itself takes. At offload none, and for packets of one's own at "+
			"reject, the program only chooses the socket.", verdictRepeat, verdictFrames),
		metrics: []report.Metric{
			{Name: nanos, Title: "a packet", Unit: "ns", Better: report.Less},
			{Name: overBare, Title: "less bare XDP_DROP", Unit: "ns", Better: report.Less, Brief: true},
		},
		groups: func(o Options) (groups []group) {
			names := []string{engine.XDPDrop, engine.XDPPass, engine.Full, engine.Reject, engine.None}
			for _, c := range []struct {
				label string
				share engine.Share
			}{{"none ours", engine.Share{Mine: 0, Of: 3}}, {"all ours", engine.Share{Mine: 1, Of: 1}}, {"N = 3", engine.Share{Mine: 1, Of: 3}}} {
				groups = append(groups, group{c.label, verdictRows(o.shortened(), engine.Setup{Share: c.share}, names...)})
			}
			return groups
		},
		derive: func(rows []report.Row) { less(rows, nanos, engine.XDPDrop, overBare) },
	}
}
