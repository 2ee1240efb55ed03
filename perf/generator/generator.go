package generator

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

const (
	// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES of linux/bpf.h.
	liveFrames = 1 << 1
	// batch is how many frames the kernel makes before the receiver has its
	// turn: as many as one turn of NAPI takes (NAPI_POLL_WEIGHT), and less than
	// a veth's ring of 256 (VETH_RING_SIZE, drivers/net/veth.c).
	batch = 64
	// callTime is how long one call into the kernel should take: long against
	// its set-up of some 50 µs, short against a measurement.
	callTime = 20 * time.Millisecond
	// firstCall and maxCall bound the frames of one call.
	firstCall, maxCall = 4096, 1 << 20
)

// Generator makes frames of one Traffic. It is for one goroutine.
type Generator struct{ objects bpfObjects }

// Sent is what a Run did.
type Sent struct {
	// Frames is how many frames were made.
	Frames uint64
	// Elapsed is the wall time of making them, with the receiver's part of it.
	Elapsed time.Duration
}

// New prepares a generator that sends its frames out of the interface with that
// index, in the namespace that Run is called in; 0 drops each frame as soon as
// it is made, to measure what making costs. The caller closes it.
func New(t Traffic, target int) (*Generator, error) {
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("generator: lift the memory lock limit: run as root: %w", err)
	}
	spec, err := loadBpf()
	if err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	for name, value := range t.constants(uint32(target)) {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("generator: set %s: %w", name, err)
		}
	}
	g := &Generator{}
	if err := spec.LoadAndAssign(&g.objects, nil); err != nil {
		return nil, fmt.Errorf("generator: load the program: %w", err)
	}
	if err := g.seed(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// seed gives every CPU a random state of its own, which must not be 0.
func (g *Generator) seed() error {
	states := make([]bpfState, ebpf.MustPossibleCPU())
	for i := range states {
		states[i].Random = rand.Uint64() | 1
	}
	if err := g.objects.States.Put(uint32(0), states); err != nil {
		return fmt.Errorf("generator: seed the random numbers: %w", err)
	}
	return nil
}

// Frames is how many frames were made since New.
func (g *Generator) Frames() (uint64, error) {
	var states []bpfState
	if err := g.objects.States.Lookup(uint32(0), &states); err != nil {
		return 0, fmt.Errorf("generator: read the frame counter: %w", err)
	}
	var sum uint64
	for _, s := range states {
		sum += s.Frames
	}
	return sum, nil
}

// Run makes frames for the time d, rounded up to whole calls into the kernel,
// or until ctx ends, which is no error. The calling goroutine must be locked to
// a thread in the target's network namespace.
func (g *Generator) Run(ctx context.Context, d time.Duration) (Sent, error) {
	before, err := g.Frames()
	if err != nil {
		return Sent{}, err
	}
	start := time.Now()
	var elapsed time.Duration
	for frames := uint32(firstCall); ctx.Err() == nil && elapsed < d; elapsed = time.Since(start) {
		called := time.Now()
		if err := g.call(frames); err != nil {
			return Sent{}, err
		}
		frames = nextCall(frames, time.Since(called), d-time.Since(start))
	}
	after, err := g.Frames()
	return Sent{Frames: after - before, Elapsed: elapsed}, err
}

// Send makes n frames. The calling goroutine must be as for Run.
func (g *Generator) Send(n int) error { return g.call(uint32(n)) }

func (g *Generator) call(frames uint32) error {
	_, err := g.objects.Generate.Run(&ebpf.RunOptions{
		Data: make([]byte, FrameLen), Repeat: frames, Flags: liveFrames, BatchSize: batch,
	})
	if err != nil {
		return fmt.Errorf("generator: run on live frames (needs Linux 5.18): %w", err)
	}
	return nil
}

// nextCall is how many frames the next call should make, by what the last one
// took and how much time is left.
func nextCall(frames uint32, took, left time.Duration) uint32 {
	want := min(callTime, max(left, 0))
	next := float64(frames) * float64(want) / float64(max(took, time.Microsecond))
	return uint32(min(max(next, batch), maxCall))
}

// Pin keeps the calling thread on the last of its CPUs, so that generator and
// receiver stay together and the first, which has most interrupts, is left to
// the rest. The goroutine must be locked to its thread.
func Pin() error {
	var may, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return fmt.Errorf("generator: ask for this thread's CPUs: %w", err)
	}
	last := 0
	for cpu := range len(may) * bits.UintSize {
		if may.IsSet(cpu) {
			last = cpu
		}
	}
	set.Set(last)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("generator: stay on CPU %d: %w", last, err)
	}
	return nil
}

// Close removes the program from the kernel.
func (g *Generator) Close() error { return g.objects.Close() }
