package generator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

const (
	// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES of linux/bpf.h.
	liveFrames = 1 << 1
	// batch is how many frames the kernel makes before the receiver has its
	// turn: as many as one turn of NAPI takes (NAPI_POLL_WEIGHT), and less than
	// a veth's ring of 256 (VETH_RING_SIZE, drivers/net/veth.c).
	batch = 64
	// callTime is how long one call into the kernel should make frames: long
	// against the 20 ms that the kernel takes to end it, and short enough to be
	// interrupted.
	callTime = 250 * time.Millisecond
	// minCall and maxCall bound the frames of one call; the first has minCall.
	minCall, maxCall = 16384, 1 << 24
)

// Generator makes frames of one Traffic. It is for one goroutine.
type Generator struct{ objects bpfObjects }

// Sent is what a Run did.
type Sent struct {
	// Frames is how many frames were made.
	Frames uint64
	// Timed is for how many of them the time was taken: all but a few.
	Timed uint64
	// Elapsed is the wall time of making Timed frames, with the receiver's part
	// of it and without what the kernel needs to begin and end a run.
	Elapsed time.Duration
}

// Rate is how many frames a second were made.
func (s Sent) Rate() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Timed) / s.Elapsed.Seconds()
}

func (s *Sent) add(other Sent) {
	s.Frames += other.Frames
	s.Timed += other.Timed
	s.Elapsed += other.Elapsed
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

// Run makes frames for the time d, a little more or less, or until ctx ends,
// which is no error. The calling goroutine must be locked to a thread in the
// target's network namespace.
func (g *Generator) Run(ctx context.Context, d time.Duration) (sent Sent, err error) {
	for frames := uint32(minCall); ctx.Err() == nil && sent.Elapsed < d; {
		call, err := g.Send(frames)
		if err != nil {
			return sent, err
		}
		sent.add(call)
		frames = nextCall(call, d-sent.Elapsed)
	}
	return sent, nil
}

// Send makes n frames. The calling goroutine must be as for Run.
func (g *Generator) Send(n uint32) (Sent, error) {
	before, err := g.begin()
	if err != nil {
		return Sent{}, err
	}
	if _, err := g.objects.Generate.Run(&ebpf.RunOptions{
		Data: make([]byte, FrameLen), Repeat: n, Flags: liveFrames, BatchSize: batch,
	}); err != nil {
		return Sent{}, fmt.Errorf("generator: run on live frames (needs Linux 5.18): %w", err)
	}
	states, err := g.states()
	if err != nil {
		return Sent{}, err
	}
	return sentIn(before, states), nil
}

// Frame makes one frame and returns it instead of sending it.
func (g *Generator) Frame() ([]byte, error) {
	frame := make([]byte, FrameLen)
	if _, err := g.objects.Generate.Run(&ebpf.RunOptions{Data: make([]byte, FrameLen), DataOut: frame}); err != nil {
		return nil, fmt.Errorf("generator: make a frame: %w", err)
	}
	return frame, nil
}

// begin forgets the times of the call before and returns the states.
func (g *Generator) begin() ([]bpfState, error) {
	states, err := g.states()
	if err != nil {
		return nil, err
	}
	for i := range states {
		states[i].FirstTime = 0
	}
	if err := g.objects.States.Put(uint32(0), states); err != nil {
		return nil, fmt.Errorf("generator: reset the times: %w", err)
	}
	return states, nil
}

func (g *Generator) states() ([]bpfState, error) {
	var states []bpfState
	if err := g.objects.States.Lookup(uint32(0), &states); err != nil {
		return nil, fmt.Errorf("generator: read the frame counters: %w", err)
	}
	return states, nil
}

// sentIn is what one call sent. A thread that is not pinned may change its CPU
// between two batches: then the one that made most frames gives the time.
func sentIn(before, after []bpfState) (sent Sent) {
	var most uint64
	for i, s := range after {
		n := s.Frames - before[i].Frames
		sent.Frames += n
		if n > most && s.FirstTime != 0 {
			most = n
			sent.Timed = s.LastFrame - s.FirstFrame
			sent.Elapsed = time.Duration(s.LastTime - s.FirstTime)
		}
	}
	return sent
}

// nextCall is how many frames to make in the next call, by the rate of the last
// one and the time that is left.
func nextCall(last Sent, left time.Duration) uint32 {
	want := min(callTime, max(left, 0))
	return uint32(min(max(last.Rate()*want.Seconds(), minCall), maxCall))
}

// Close removes the program from the kernel.
func (g *Generator) Close() error { return g.objects.Close() }
