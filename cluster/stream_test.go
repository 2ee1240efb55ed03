package cluster

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"thresher/internal/crowd"
)

// streamOf connects to sockets, and returns both ends.
func streamOf(t *testing.T, s *sockets) (theirs, ours net.Conn) {
	t.Helper()
	theirs, err := net.Dial("tcp", s.tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	ours = <-s.StreamCh()
	t.Cleanup(func() { _ = ours.Close() })
	return theirs, ours
}

// TestStreamIsReadToABound: who has no key may send for ever, and memberlist keeps what
// it reads.
func TestStreamIsReadToABound(t *testing.T) {
	s, _ := opened(t, "127.0.0.73")
	theirs, ours := streamOf(t, s)
	go func() {
		for err := error(nil); err == nil; {
			_, err = theirs.Write(bytes.Repeat([]byte("x"), 1<<16))
		}
	}()
	n, err := io.Copy(io.Discard, ours)
	if n != maxStream || err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("%d bytes were read, and then %v; want %d and an error that names the sender", n, err, maxStream)
	}
}

// TestStreamsOfOneAddressAreBounded: those that are too many are closed, and a place
// that is given back is another one's.
func TestStreamsOfOneAddressAreBounded(t *testing.T) {
	s, _ := opened(t, "127.0.0.74")
	_, last := streamOf(t, s)
	for range crowd.PerAddress - 1 {
		streamOf(t, s)
	}
	refused, err := net.Dial("tcp", s.tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	if err := refused.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := refused.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("one more than %d streams is open: %v", crowd.PerAddress, err)
	}
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	streamOf(t, s)
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
