package flows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// bufferLen is more than the kernel puts into one answer to a dump, 32 KB
// (net/netlink/af_netlink.c: netlink_recvmsg).
const bufferLen = 64 << 10

// patience is how long the kernel may be silent within a dump. It makes the
// answer within the system call, so that it never is.
const patience = 2 // seconds

// dump asks one of the kernel's tables for what it has. It owns a netlink
// socket until close, and is not safe for concurrent use.
type dump struct {
	fd  int // -1 when closed
	seq uint32
	buf []byte
}

// openDump opens a socket of a netlink family, in the calling thread's namespace.
func openDump(family int) (*dump, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return nil, err
	}
	d := &dump{fd: fd, buf: make([]byte, bufferLen)}
	// Connected to the kernel, so that nobody else can answer.
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience}),
	)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// close gives the socket back. It may be called more than once.
func (d *dump) close() error {
	if d.fd < 0 {
		return nil
	}
	fd := d.fd
	d.fd = -1
	return unix.Close(fd)
}

// each calls f with the kind and the content of every message of the answers to
// these requests, which are only good until f returns; false is one that is not
// understood.
func (d *dump) each(asking [][]byte, f func(kind uint16, body []byte) bool) error {
	for _, ask := range asking {
		d.seq++
		binary.NativeEndian.PutUint32(ask[8:], d.seq)
		if _, err := unix.Write(d.fd, ask); err != nil {
			return fmt.Errorf("ask the kernel: %w", err)
		}
		if err := d.read(f); err != nil {
			return err
		}
	}
	return nil
}

// read takes in the answers to the request just sent. What is left of an earlier
// one that failed has another number and is skipped.
func (d *dump) read(f func(kind uint16, body []byte) bool) error {
	for {
		n, err := unix.Read(d.fd, d.buf)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the kernel's answer: %w", err)
		}
		if done, err := answer(d.buf[:n], d.seq, f); done || err != nil {
			return err
		}
	}
}

// answer goes through one part of the kernel's answer, and says whether it was
// the last one.
func answer(b []byte, seq uint32, f func(kind uint16, body []byte) bool) (done bool, err error) {
	for len(b) > 0 {
		if len(b) < unix.NLMSG_HDRLEN {
			return false, errTruncated
		}
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return false, errTruncated
		}
		body := b[unix.NLMSG_HDRLEN:size]
		kind := binary.NativeEndian.Uint16(b[4:])
		ours := binary.NativeEndian.Uint32(b[8:]) == seq
		b = b[min(len(b), (size+3)&^3):]
		switch {
		case !ours:
		case kind == unix.NLMSG_ERROR || kind == unix.NLMSG_DONE:
			return true, outcome(body)
		case !f(kind, body):
			return false, errTruncated
		}
	}
	return false, nil
}

var errTruncated = errors.New("the kernel's answer is cut short")

// outcome reads the error number at the end of a dump: 0 or negative.
func outcome(body []byte) error {
	if len(body) < 4 {
		return nil
	}
	if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
		return syscall.Errno(errno)
	}
	return nil
}

// dumpRequest encodes a request for a dump, in the kernel's byte order: struct
// nlmsghdr and what is asked for.
func dumpRequest(kind uint16, body []byte) []byte {
	native := binary.NativeEndian
	b := native.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = native.AppendUint16(b, kind)
	b = native.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // number, filled in by each; port
	return append(b, body...)
}
