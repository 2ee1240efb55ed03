package xsk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// CaptureBurst is how many samples a capture has room for between two reads.
const CaptureBurst = captureRing / (sampleHeader + sampleLen) / 2

// The layout of struct sample (xsk/bpf/capture.h).
const (
	sampleHeader = 16
	sampleLen    = 2048    // SAMPLE_LEN
	captureRing  = 4 << 20 // a power of two, in whole pages
)

// NoRule is, in a CaptureFilter, a frame's that no rule need hold for.
const NoRule = 0xffff

// CaptureFilter says which frames are copied. The program looks at headers no more
// than it must, so that it may copy frames under a rule that are malformed.
type CaptureFilter struct {
	// Reasons are those of the verdict: bit r is pipeline.Reason r.
	Reasons uint64
	// Client is the network of the senders; the zero Prefix is all, and frames
	// without any.
	Client netip.Prefix
	// Rule is the number of the packets' rule; NoRule is all, and packets of none.
	Rule int
}

// kernel is the filter in the program's layout.
func (f CaptureFilter) kernel() bpfCaptureFilter {
	k := bpfCaptureFilter{Reasons: f.Reasons, Rule: uint32(f.Rule)}
	if !f.Client.IsValid() {
		return k
	}
	bits := f.Client.Bits()
	if f.Client.Addr().Is4() {
		bits += 128 - 32 // as IPv6 has it
	}
	client := f.Client.Masked().Addr().As16()
	var mask [16]byte
	for i := range bits {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	for half := range k.Mask {
		k.Mask[half] = binary.NativeEndian.Uint64(mask[8*half:])
		k.Client[half] = binary.NativeEndian.Uint64(client[8*half:])
	}
	return k
}

// Sample is a copy of a frame that the program disposed of by itself.
type Sample struct {
	// Time is when, in nanoseconds of CLOCK_BOOTTIME.
	Time int64
	// Reason is a pipeline.Reason.
	Reason uint8
	Queue  int
	// Length is the frame's. Data may be shorter.
	Length int
	Data   []byte
}

// parseSample reads what the program wrote. Data is a part of b.
func parseSample(b []byte) (Sample, error) {
	if len(b) < sampleHeader {
		return Sample{}, fmt.Errorf("a sample has %d bytes, at least %d are needed", len(b), sampleHeader)
	}
	s := Sample{
		Time: int64(binary.NativeEndian.Uint64(b)), Length: int(binary.NativeEndian.Uint32(b[8:])),
		Queue: int(binary.NativeEndian.Uint16(b[12:])), Reason: b[14],
	}
	s.Data = b[sampleHeader:]
	if len(s.Data) > s.Length {
		s.Data = s.Data[:s.Length:s.Length]
	}
	return s, nil
}

// Capture gets copies of frames from the program, as many as it grants. It belongs
// to one goroutine.
type Capture struct {
	program *Program
	ring    *ebpf.Map
	reader  *ringbuf.Reader
	record  ringbuf.Record
	lost    uint64 // before it began
}

// OpenCapture begins a capture without a grant. One at a time, which the caller
// sees to.
func (p *Program) OpenCapture(f CaptureFilter) (_ *Capture, err error) {
	c := &Capture{program: p}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("begin a capture: %w", err), c.Close())
		}
	}()
	if c.ring, err = ebpf.NewMap(&ebpf.MapSpec{Name: "capture", Type: ebpf.RingBuf, MaxEntries: captureRing}); err != nil {
		return nil, err
	}
	if c.reader, err = ringbuf.NewReader(c.ring); err != nil {
		return nil, err
	}
	c.reader.SetDeadline(time.Unix(1, 0)) // the program wakes nobody
	if err = p.objects.CaptureLost.Get(&c.lost); err != nil {
		return nil, err
	}
	if err = p.objects.CaptureFilter.Set(f.kernel()); err != nil {
		return nil, err
	}
	return c, p.objects.CaptureRing.Put(uint32(0), c.ring)
}

// Grant lets the program make so many copies from now on; what was left of the last
// grant is void.
func (c *Capture) Grant(copies int) error {
	if err := c.program.objects.CaptureGrant.Set(int32(min(copies, CaptureBurst))); err != nil {
		return fmt.Errorf("grant copies to a capture: %w", err)
	}
	return nil
}

// UsedUp tells whether nothing is left of the grant: frames may have gone by that
// were not copied.
func (c *Capture) UsedUp() (bool, error) {
	var left int32
	if err := c.program.objects.CaptureGrant.Get(&left); err != nil {
		return false, fmt.Errorf("read a capture's grant: %w", err)
	}
	return left <= 0, nil
}

// Read returns the next copy that is there; ok is false if none is. Its data is good
// until the next call.
func (c *Capture) Read() (s Sample, ok bool, err error) {
	err = c.reader.ReadInto(&c.record)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Sample{}, false, nil
	}
	if err != nil {
		return Sample{}, false, fmt.Errorf("read a capture: %w", err)
	}
	s, err = parseSample(c.record.RawSample)
	return s, err == nil, err
}

// Lost is how many copies there was no room for.
func (c *Capture) Lost() (uint64, error) {
	var lost uint64
	if err := c.program.objects.CaptureLost.Get(&lost); err != nil {
		return 0, fmt.Errorf("read what a capture has lost: %w", err)
	}
	return lost - c.lost, nil
}

// Close ends the capture, and frees its memory.
func (c *Capture) Close() error {
	errs := []error{c.program.objects.CaptureGrant.Set(int32(0))}
	if err := c.program.objects.CaptureRing.Delete(uint32(0)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		errs = append(errs, err)
	}
	if c.reader != nil {
		errs = append(errs, c.reader.Close())
	}
	if c.ring != nil {
		errs = append(errs, c.ring.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("end a capture: %w", err)
	}
	return nil
}
