package farm

import (
	"context"
	"fmt"
	"time"

	"thresher/xsk"
)

// flushPatience is how long Flush waits for a queue: a thousand times what a
// step takes, and little beside a heartbeat's lease.
const flushPatience = 50 * time.Millisecond

// The pauses of Flush between two looks at a queue: about a step at first.
const (
	flushPause    = 20 * time.Microsecond
	flushPauseMax = time.Millisecond
)

// Flush returns when every queue is done with what it judged by tables that were
// replaced before the call, and has sent on what it accepted by them: from then
// on, only the table of now lets packets in. It fails if a queue does not come to
// that within flushPatience, because its thread gets no time or the stack takes
// nothing.
//
// Sent on means that thr0 has the frames. They leave thr1 in the softirq that
// follows, within this kernel; nothing of ours decides about them any more.
func (d *datapath) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushPatience)
	defer cancel()
	opened := d.opened.Load()
	if opened == nil {
		return nil // no queue has read anything yet
	}
	marks := make([]xsk.Mark, len(*opened))
	for i, q := range *opened {
		marks[i] = q.Mark()
	}
	for i, q := range *opened {
		if err := passed(ctx, q.Queue, marks[i]); err != nil {
			return fmt.Errorf("queue %d may still let packets in by a former share: %w", i, err)
		}
	}
	return nil
}

// passed returns when a queue has passed a mark, or ctx is done.
func passed(ctx context.Context, q *xsk.Queue, m xsk.Mark) error {
	for pause := flushPause; !q.Passed(m); pause = min(2*pause, flushPauseMax) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}
