package xsk

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// SetLease lets the program let new flows in until deadline, in nanoseconds of
// CLOCK_BOOTTIME; 0 and times that are over fence the node at once. When a call
// that fences returns, no packet that was judged before it is on its way in the
// program any more. It may be called beside SetShare.
func (p *Program) SetLease(deadline int64) error {
	fenced, err := runUntil(p.objects.SetLease, uint64(max(0, deadline)))
	if err != nil {
		return fmt.Errorf("set the XDP program's lease: %w", err)
	}
	if fenced == 0 {
		return nil
	}
	return p.await()
}

// await returns when every packet that is in the program now has left it: a
// grace period of RCU, under which programs run. Replacing the map in a map makes
// the kernel wait for one (maybe_wait_bpf_programs, kernel/bpf/syscall.c).
func (p *Program) await() error {
	if err := p.objects.Barrier.Put(uint32(0), p.nothing); err != nil {
		return fmt.Errorf("wait for the XDP program's packets: %w", err)
	}
	return nil
}

// tickLength is the length of the kernel's tick: what its coarse clocks resolve
// to (ktime_get_coarse, kernel/time/timekeeping.c).
func tickLength() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &ts); err != nil {
		return 0, fmt.Errorf("ask for the length of a tick: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
