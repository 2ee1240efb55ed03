package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// tapBuffer is a tap's buffer in bytes. A small frame costs about 1 KiB of it, so
// that it holds 2 s of 20,000 frames/s. Linux doubles it.
const tapBuffer = 32 << 20

// tap is a packet socket on a host's interface that knows what it missed. Whoever
// reads it counts frames and damaged ones under its lock.
type tap struct {
	conn *packet.Conn
	done chan struct{} // closed by the reader when it ends

	mu      sync.Mutex
	frames  uint64
	damaged uint64
	drops   uint64
	err     error
	closed  bool
}

// tapOption is a socket option that is switched on.
type tapOption struct{ level, name int }

// open opens the socket inside the host. The filter says which frames come, and
// how much of each. The caller starts the reader.
func (t *tap) open(h *Host, filter []bpf.RawInstruction, options ...tapOption) error {
	return t.openOn(h, Interface, filter, options...)
}

// openOn is open for any interface of the host.
func (t *tap) openOn(h *Host, iface string, filter []bpf.RawInstruction, options ...tapOption) error {
	t.done = make(chan struct{})
	return h.Do(func() error {
		ifi, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		if t.conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: filter}); err != nil {
			return err
		}
		if err := t.set(options); err != nil {
			return errors.Join(err, t.conn.Close())
		}
		return nil
	})
}

// read hands frames over, under the lock, until the tap is closed. The slice is
// the callee's until it returns; size is how much of a frame it gets at most.
func (t *tap) read(size int, take func(frame []byte)) {
	defer close(t.done)
	buf := make([]byte, size)
	for {
		n, _, err := t.conn.ReadFrom(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // Said once when the interface goes down; it may come back.
		}
		t.mu.Lock()
		if err != nil {
			if !t.closed {
				t.err = fmt.Errorf("lab: capture: %w", err)
			}
			t.mu.Unlock()
			return
		}
		t.frames++
		take(buf[:n])
		t.mu.Unlock()
	}
}

func (t *tap) set(options []tapOption) error {
	raw, err := t.conn.SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		optErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, tapBuffer)
		for _, o := range options {
			optErr = errors.Join(optErr, unix.SetsockoptInt(int(fd), o.level, o.name, 1))
		}
	})
	return errors.Join(err, optErr)
}

// Check returns an error if the capture has been blind: frames that the socket
// dropped, that could not be read, or a failed socket. A test that counts must
// call it, or it believes too much.
func (t *tap) Check() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addDrops()
	if t.drops > 0 || t.damaged > 0 {
		return errors.Join(t.err, fmt.Errorf("lab: the capture missed %d frames and could not read %d of %d",
			t.drops, t.damaged, t.frames))
	}
	return t.err
}

// addDrops adds up what the kernel reports: it counts from the last time asked.
// The caller holds the lock.
func (t *tap) addDrops() {
	if t.closed {
		return
	}
	stats, err := t.conn.Stats()
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("lab: capture: read the drop counter: %w", err))
		return
	}
	t.drops += uint64(stats.Drops)
}

// Settle waits until no frame has come for that long.
func (t *tap) Settle(ctx context.Context, quiet time.Duration) error {
	for before := t.count(); ; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("lab: frames still come after the time given: %w", ctx.Err())
		case <-time.After(quiet):
		}
		now := t.count()
		if now == before {
			return nil
		}
		before = now
	}
}

func (t *tap) count() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames
}

// Close ends the capture, whose answers can still be read.
func (t *tap) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.addDrops()
	t.closed = true
	t.mu.Unlock()
	err := t.conn.Close()
	<-t.done
	return err
}
