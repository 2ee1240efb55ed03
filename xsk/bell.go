package xsk

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// bell ends the sleep of a goroutine that waits for packets: an eventfd beside
// its socket. Once rung it stays so.
type bell struct{ fd int }

func newBell() (bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return bell{-1}, fmt.Errorf("make an eventfd: %w", err)
	}
	return bell{fd}, nil
}

// ring wakes the goroutine, now or when it is about to sleep. Anyone may call it
// until close.
func (b bell) ring() {
	_, _ = unix.Write(b.fd, []byte{1, 0, 0, 0, 0, 0, 0, 1}) // EAGAIN: it is rung already
}

// ringWhenDone rings when ctx is done. The function that it returns takes that
// back; after it, the bell may be closed.
func (b bell) ringWhenDone(ctx context.Context) (takeBack func()) {
	rung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(rung); b.ring() })
	return func() {
		if !stop() {
			<-rung
		}
	}
}

// sleep waits until the socket has packets, the bell is rung, or, if timeout is
// not negative, for so many milliseconds.
func (b bell) sleep(socket, timeout int) error {
	fds := [...]unix.PollFd{{Fd: int32(socket), Events: unix.POLLIN}, {Fd: int32(b.fd), Events: unix.POLLIN}}
	_, err := unix.Poll(fds[:], timeout)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for packets: %w", err)
	}
	return nil
}

func (b bell) close() error {
	if b.fd < 0 {
		return nil
	}
	return unix.Close(b.fd)
}
