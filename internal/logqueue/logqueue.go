// Package logqueue keeps a log that nobody reads from holding up who writes it.
package logqueue

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// maxBytes is how much may wait to be written: some ten thousand lines.
const maxBytes = 1 << 20

// Queue is a writer of whole lines that returns at once: they are written to another one
// behind it, in order. What finds no room is lost and counted, and the count is written
// when there is room again. It is safe for concurrent use.
type Queue struct {
	out    io.Writer
	bell   chan struct{} // there is something to write
	moved  chan struct{} // a line was written
	closed chan struct{}

	mu    sync.Mutex
	lines [][]byte
	bytes int // in lines
	// writing is how many lines have been taken out of lines and are not written yet.
	writing int
	lost    int
}

// New is a queue before out. Close ends it.
func New(out io.Writer) *Queue {
	q := &Queue{out: out, bell: make(chan struct{}, 1), moved: make(chan struct{}, 1), closed: make(chan struct{})}
	go q.run()
	return q
}

// Write is io.Writer's, for a whole line. It never fails: whoever logs could do nothing
// about that.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	if q.bytes+len(line) > maxBytes {
		q.lost++
	} else {
		q.lines, q.bytes = append(q.lines, append([]byte(nil), line...)), q.bytes+len(line)
	}
	q.mu.Unlock()
	ring(q.bell)
	return len(line), nil
}

// Flush returns when all that was written before has gone out, or when limit has passed.
// One goroutine at a time may call it.
func (q *Queue) Flush(limit time.Duration) {
	over := time.After(limit)
	q.flush(func() <-chan time.Time { return over })
}

// Close returns when all that was written before has gone out, or when not one line has
// gone out for as long as patience. What is written later is lost.
func (q *Queue) Close(patience time.Duration) {
	q.flush(func() <-chan time.Time { return time.After(patience) })
	close(q.closed)
}

// flush waits until nothing waits any more, or for what over gives it before each line.
func (q *Queue) flush(over func() <-chan time.Time) {
	for q.waiting() {
		select {
		case <-q.moved:
		case <-over():
			return
		}
	}
}

func (q *Queue) waiting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lines)+q.writing+q.lost > 0
}

// run writes what there is, until the queue is closed. Where out blocks for ever, so
// does this.
func (q *Queue) run() {
	for {
		select {
		case <-q.closed:
			return
		case <-q.bell:
		}
		for q.waiting() {
			q.writeOut()
		}
	}
}

// writeOut writes the lines that there are, and then how many were lost behind them.
func (q *Queue) writeOut() {
	q.mu.Lock()
	lines, lost := q.lines, q.lost
	q.lines, q.bytes, q.lost, q.writing = nil, 0, 0, len(lines)
	if lost > 0 {
		q.writing++
	}
	q.mu.Unlock()
	for _, line := range lines {
		_, _ = q.out.Write(line) // there is nowhere to say that it failed
		q.wrote()
	}
	if lost > 0 {
		slog.New(slog.NewTextHandler(q.out, nil)).Warn("lines of this log are lost: nobody has read it for a while", "lines", lost)
		q.wrote()
	}
}

func (q *Queue) wrote() {
	q.mu.Lock()
	q.writing--
	q.mu.Unlock()
	ring(q.moved)
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
