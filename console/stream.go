package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxStreamLine is the longest line of an event stream that a client takes.
const maxStreamLine = 1 << 20

// sendEvents writes events as they come, and flushes behind each batch, until
// the context is done and nothing is left, or the reader has gone.
func sendEvents(ctx context.Context, w io.Writer, flush func() error, f *Follower) {
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
			if writeEvent(w, e) != nil {
				return
			}
		}
		if flush() != nil {
			return
		}
	}
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

// readEvents reads server-sent events to the end of the stream and hands them to
// each, whose error ends it. Fields other than data are passed over: the number
// is in the event itself. An event that the end of the stream cuts off is not
// handed over.
func readEvents(r io.Reader, each func(Event) error) error {
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
		var e Event
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
