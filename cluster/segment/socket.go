package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// receiveBuffer is how much may wait in a socket, in bytes: a second of 31
// peers' heartbeats, with what the kernel counts for each.
const receiveBuffer = 1 << 20

// socket is a packet socket for one class of frames. It is read and written without
// waiting, and the runtime's poller does not know it: that would be woken by every
// frame that comes to it or has left by it. What is waited for has a bell.
type socket struct{ fd int }

func openSocket(ifi *net.Interface, class class) (socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return socket{-1}, fmt.Errorf("open a packet socket (needs root or CAP_NET_RAW): %w", err)
	}
	s := socket{fd}
	// The filter is put on the socket before it is bound, so that nothing else ever
	// waits in it.
	if err = s.admit(class, nil); err == nil {
		err = s.bind(ifi)
	}
	if err != nil {
		return socket{-1}, errors.Join(err, s.close())
	}
	return s, nil
}

// bind has frames come from the interface, and go out by it, after making room for
// them, beyond the machine's limit where it may.
func (s socket) bind(ifi *net.Interface) error {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("make room in a packet socket: %w", err)
		}
	}
	// The protocol is in network byte order (packet(7)).
	protocol := binary.NativeEndian.Uint16([]byte{EtherType >> 8, EtherType & 0xff})
	at := &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: ifi.Index}
	if err := unix.Bind(s.fd, at); err != nil {
		return fmt.Errorf("bind a packet socket: %w", err)
	}
	return nil
}

// admit has the socket take the frames of its class as they are told apart by the
// salts that are known.
func (s socket) admit(class class, known []uint32) error {
	raw, err := bpf.Assemble(class.filter(known))
	if err != nil {
		return fmt.Errorf("assemble the socket filter: %w", err)
	}
	program := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		program[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	err = unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return fmt.Errorf("attach the socket filter: %w", err)
	}
	return nil
}

// read takes one frame out of the socket, if there is one.
func (s socket) read(buffer []byte) (n int, ok bool) {
	for {
		n, err := receiveNow(s.fd, buffer, 0)
		// A link that went down is told once, as an error of the socket.
		if err != unix.EINTR && err != unix.ENETDOWN {
			return n, err == 0
		}
	}
}

// close ends the socket. It may be one that was not opened.
func (s socket) close() error {
	if s.fd < 0 {
		return nil
	}
	return unix.Close(s.fd)
}
