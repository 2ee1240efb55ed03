package segment

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// polled are the files that the pollers of this process know, as lines of
// proc_pid_fdinfo(5).
func polled(t *testing.T) (lines [][]byte) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, _ := os.Readlink(link); to != "anon_inode:[eventpoll]" {
			continue
		}
		info, err := os.ReadFile("/proc/self/fdinfo/" + filepath.Base(link))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, bytes.Split(info, []byte("\n"))...)
	}
	return lines
}

// TestPollerKnowsNewsAlone: it would be woken by every renewal, and by every heartbeat
// of this node's own.
func TestPollerKnowsNewsAlone(t *testing.T) {
	p := newPair(t)
	c := p.open(p.a, farmKey)
	for of, s := range c.sockets {
		known := false
		for _, line := range polled(t) {
			var fd int
			n, _ := fmt.Sscanf(string(line), "tfd: %d", &fd)
			known = known || n == 1 && fd == s.fd
		}
		if want := class(of) == news; known != want {
			t.Errorf("class %d: known to the poller: %v, want %v", of, known, want)
		}
	}
}
