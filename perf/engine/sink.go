package engine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Discard takes the datagrams that come to DiscardPort of the node and throws
// them away: a socket filter that keeps nothing lets each go the whole way to
// its socket, and neither fills a queue nor wakes anybody. Without a socket the
// stack would answer with ICMP errors.
func (b *Testbed) Discard() error {
	fd := -1
	err := b.Node.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
		program := &unix.SockFprog{Len: 1, Filter: &nothing}
		return errors.Join(
			unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program),
			unix.Bind(fd, &unix.SockaddrInet4{Port: DiscardPort}),
		)
	})
	if fd >= 0 {
		b.OnClose(func() error { return unix.Close(fd) })
	}
	if err != nil {
		return fmt.Errorf("discard what comes to port %d: %w", DiscardPort, err)
	}
	return nil
}
