package segment

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bell is a wait for frames of a socket, by the runtime's poller. It owns the socket.
type bell struct {
	file        *os.File
	raw         syscall.RawConn
	interrupted atomic.Bool
}

func newBell(s socket) (*bell, error) {
	b := &bell{file: os.NewFile(uintptr(s.fd), "heartbeats")}
	raw, err := b.file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("wait for heartbeats: %w", errors.Join(err, b.file.Close()))
	}
	b.raw = raw
	return b, nil
}

// wait returns when a frame waits in the socket, or at the time given, or after
// interrupt.
func (b *bell) wait(until time.Time) error {
	if err := b.file.SetReadDeadline(until); err != nil {
		return fmt.Errorf("wait for heartbeats: %w", err)
	}
	if b.interrupted.Swap(false) {
		return nil
	}
	err := b.raw.Read(waiting)
	b.interrupted.Store(false)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("wait for heartbeats: %w", err)
	}
	return nil
}

// interrupt ends the present wait, or the next one if there is none. Any goroutine
// may call it.
func (b *bell) interrupt() {
	b.interrupted.Store(true)
	// wait sets its deadline before it looks at interrupted, so that either it
	// sees that, or this deadline comes after its own.
	_ = b.file.SetReadDeadline(past) // fails only when the bell is closed
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// waiting says whether something waits in the socket; on false the runtime waits
// for it. It does not read: what waits must be read by Receive, and whole.
func waiting(fd uintptr) bool {
	var one [1]byte
	_, err := receiveNow(int(fd), one[:], unix.MSG_PEEK)
	return err != unix.EAGAIN
}

// close ends a wait with an error, and the socket.
func (b *bell) close() error { return b.file.Close() }
