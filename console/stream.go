package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxStreamLine is the longest line of an event stream that a client takes.
const maxStreamLine = 1 << 20

// sendEvents writes events that are wanted as they come, and flushes behind each batch, until
// the context is done and nothing is left, or the reader has gone.
func sendEvents(ctx context.Context, w io.Writer, flush func() error, f *Follower, wanted func(Event) bool) {
	// The reader must learn that it is connected before the first event comes.
	if flush() != nil {
		return
	}
	for {
		events, err := f.Next(ctx)
		if err != nil {
			return
		}
		for _, e := range events {
			if wanted(e) && writeEvent(w, e) != nil {
				return
			}
		}
		if flush() != nil {
			return
		}
	}
}

// hurried writes to a reader who must take each message in time: one that never
// does would hold its stream's place for good.
type hurried struct {
	ctx context.Context // of the stream; done from the shutdown on, which is not so patient
	w   io.Writer
	rc  *http.ResponseController
}

// Write gives the reader watchWrite for this and what follows until Flush.
func (h hurried) Write(p []byte) (int, error) {
	if err := h.limit(time.Now().Add(watchWrite)); err != nil {
		return 0, err
	}
	return h.w.Write(p)
}

// Flush sends what was written. Without a limit from then on: HTTP/2 ends a stream
// at its deadline even if nothing is to be written.
func (h hurried) Flush() error {
	if err := h.rc.Flush(); err != nil {
		return err
	}
	return h.limit(time.Time{})
}

// limit sets the deadline of writing, unless the shutdown has set its own or does so
// at this moment.
func (h hurried) limit(t time.Time) error {
	if err := h.rc.SetWriteDeadline(t); err != nil || h.ctx.Err() == nil {
		return err
	}
	return h.rc.SetWriteDeadline(time.Now().Add(closingGrace))
}

// writeEvent writes one server-sent event.
// Source: HTML living standard, 9.2.6, interpreting an event stream.
func writeEvent(w io.Writer, e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("render event %d: %w", e.Seq, err)
	}
	_, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Seq, data)
	return err
}

// readEvents reads server-sent events to the end of the stream and hands what is in
// them to each, whose error ends it. Fields other than data are passed over: an
// event's number is in the event itself. One that the end of the stream cuts off is
// not handed over.
func readEvents[T any](r io.Reader, each func(T) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxStreamLine)
	var data []string
	for lines.Scan() {
		if line := lines.Text(); line != "" {
			if value, ok := strings.CutPrefix(line, "data:"); ok {
				data = append(data, strings.TrimPrefix(value, " "))
			}
			continue
		}
		if len(data) == 0 {
			continue
		}
		var e T
		if err := json.Unmarshal([]byte(strings.Join(data, "\n")), &e); err != nil {
			return fmt.Errorf("read the event stream: %w", err)
		}
		if err := each(e); err != nil {
			return err
		}
		data = nil
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("read the event stream: a line is longer than %d bytes", maxStreamLine)
	}
	return lines.Err()
}
