package xsk

// Handler judges a queue's packets. All its methods are called by the queue's
// goroutine, in steps: Begin, then Release as long as it has something, then
// Handle if frames came.
type Handler interface {
	// Begin begins a step. What the handler judges by in the step it loads here,
	// neither before nor after: Passed relies on it.
	Begin()
	// Release writes the next packet that the handler kept from an earlier batch,
	// and now wants in the stack, to the start of frame, and returns its length;
	// 0 if there is none. A frame has at least 1,792 bytes.
	Release(frame []byte) int
	// Handle judges a batch: it sets Pass where a frame is to go to the stack.
	Handle(b *Batch)
	// Waiting tells whether the handler keeps packets. While it does, there is a
	// step at least every millisecond or so.
	Waiting() bool
}

// Batch is what a queue received at once: 1 to BatchSize frames. The frames are
// the handler's to read and change until it returns. The slices are equally long.
type Batch struct {
	Frames [][]byte
	// Metas are the eight bytes before each frame, little-endian: what the kernel
	// program wrote there (bpf_xdp_adjust_meta), 0 where it wrote nothing.
	Metas []uint64
	// Pass is what becomes of each frame, false at first.
	Pass []bool
}

// newBatch has room for BatchSize frames.
func newBatch() Batch {
	return Batch{
		Frames: make([][]byte, 0, BatchSize),
		Metas:  make([]uint64, 0, BatchSize),
		Pass:   make([]bool, 0, BatchSize),
	}
}

func (b *Batch) reset() {
	b.Frames, b.Metas, b.Pass = b.Frames[:0], b.Metas[:0], b.Pass[:0]
}

func (b *Batch) add(frame []byte, meta uint64) {
	b.Frames, b.Metas, b.Pass = append(b.Frames, frame), append(b.Metas, meta), append(b.Pass, false)
}
