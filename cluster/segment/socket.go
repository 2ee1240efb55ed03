package segment

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// receiveBuffer is how much may wait in a socket, in bytes: a second of 31
// peers' heartbeats, with what the kernel counts for each.
const receiveBuffer = 1 << 20

// socket is a packet socket for one class of frames.
type socket struct {
	conn *packet.Conn
	raw  syscall.RawConn
}

func openSocket(ifi *net.Interface, class class) (*socket, error) {
	filter, err := bpf.Assemble(class.filter(nil))
	if err != nil {
		return nil, fmt.Errorf("assemble the socket filter: %w", err)
	}
	// The filter is put on the socket before it is bound, so that nothing else ever
	// waits in it.
	conn, err := packet.Listen(ifi, packet.Raw, EtherType, &packet.Config{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("open a packet socket (needs root or CAP_NET_RAW): %w", err)
	}
	s := &socket{conn: conn}
	if s.raw, err = conn.SyscallConn(); err == nil {
		err = s.grow()
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// admit has the socket take the frames of its class as they are told apart by the
// salts that are known.
func (s *socket) admit(class class, known []uint32) error {
	filter, err := bpf.Assemble(class.filter(known))
	if err != nil {
		return fmt.Errorf("assemble the socket filter: %w", err)
	}
	return s.conn.SetBPF(filter)
}

// grow makes room in the socket, beyond the machine's limit where it may.
func (s *socket) grow() error {
	return s.control(func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) == nil {
			return nil
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	})
}

func (s *socket) control(f func(fd int) error) error {
	var inner error
	err := s.raw.Control(func(fd uintptr) { inner = f(int(fd)) })
	return errors.Join(err, inner)
}

// read takes one frame out of the socket, if there is one.
func (s *socket) read(buffer []byte) (n int, ok bool) {
	err := s.control(func(fd int) (err error) {
		for {
			n, _, err = unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
			// A link that went down is told once, as an error of the socket.
			if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENETDOWN) {
				return err
			}
		}
	})
	return n, err == nil
}

// send puts a frame into the interface's queue, or fails with EAGAIN if there is no room:
// by the socket's WriteTo, a card that is paused would stop whoever sends for as long.
func (s *socket) send(frame []byte) error {
	return s.control(func(fd int) error { return unix.Send(fd, frame, unix.MSG_DONTWAIT) })
}

// waiting says whether something waits in the socket; on false the runtime waits
// for it. It does not read: what waits must be read by Receive, and whole.
func waiting(fd uintptr) bool {
	var one [1]byte
	_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return !errors.Is(err, unix.EAGAIN)
}

// Close ends the socket.
func (s *socket) Close() error { return s.conn.Close() }
