package logqueue

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { leftout.Exit(m.Run()) }

// gate is a writer that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(p)
}

// While somebody reads, every line comes out, whole and in order, whoever writes them.
func TestNothingIsLostWhileSomebodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var got []byte
		read := make(chan struct{})
		go func() { defer close(read); got, _ = io.ReadAll(r) }()
		q := New(w)
		var want strings.Builder
		for i := range 5000 {
			line := fmt.Sprintf("line %d\n", i)
			want.WriteString(line)
			if n, err := io.WriteString(q, line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		q.Close(time.Second)
		_ = w.Close()
		<-read
		if string(got) != want.String() {
			t.Errorf("%d bytes have come, not %d", len(got), want.Len())
		}
	})
}

// Where nobody reads, the writer goes on, and so does the end; what came out of it is
// said when somebody reads again.
func TestNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		q := New(g)
		line := []byte(strings.Repeat("x", 1023) + "\n")
		const lines = 5000
		for range lines {
			_, _ = q.Write(line)
		}
		begin := time.Now()
		q.Flush(time.Second)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("a flush that gets nowhere takes %v", took)
		}
		close(g.open)
		q.Flush(time.Second)
		_, _ = q.Write([]byte("at last\n"))
		q.Close(time.Second)
		synctest.Wait()
		text := g.text.String()
		whole := strings.Count(text, string(line))
		if whole < maxBytes/len(line) || whole > 3*maxBytes/len(line) {
			t.Errorf("%d lines have come", whole)
		}
		before, _, found := strings.Cut(text, "at last")
		if lost := lostLines(t, before); !found || lost != lines-whole {
			t.Errorf("notes of %d lost lines before the next one, want %d: …%q", lost, lines-whole, text[len(text)-300:])
		}
	})
}

// lostLines adds up the notes: there is one for each time that lines were lost behind
// others that were on their way.
func lostLines(t *testing.T, text string) (sum int) {
	t.Helper()
	for _, note := range regexp.MustCompile(`msg="lines of this log are lost: nobody has read it for a while" lines=(\d+)`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(note[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// slow is a writer that takes a line in that time.
type slow struct {
	gate
	each time.Duration
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(s.each)
	return s.gate.Write(p)
}

// Who reads slowly has all of it at the end, and holds nobody up for longer than may be
// before.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{gate{open: make(chan struct{})}, 40 * time.Millisecond}
		close(s.open)
		q := New(s)
		const lines = 100
		for range lines {
			_, _ = io.WriteString(q, "line\n")
		}
		begin := time.Now()
		q.Flush(50 * time.Millisecond)
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("a flush takes %v", took)
		}
		q.Close(50 * time.Millisecond)
		if got := strings.Count(s.text.String(), "line"); got != lines {
			t.Errorf("%d of %d lines have come", got, lines)
		}
	})
}
