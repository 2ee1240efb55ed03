package flows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// bufferLen is more than the kernel puts into one answer to a dump, 32 KB
// (net/netlink/af_netlink.c: netlink_recvmsg).
const bufferLen = 64 << 10

// patience is how long the kernel may be silent within a dump. It makes the
// answer within the system call, so that it never is.
const patience = 2 // seconds

// ErrClosed is returned by methods of a Table that was closed.
var ErrClosed = errors.New("flows: closed")

// Table is the kernel's table of TCP sockets. It owns a netlink socket until
// Close. Its methods may be called from any goroutine and wait for one another.
type Table struct {
	mu     sync.Mutex
	fd     int // -1 when closed
	seq    uint32
	buf    []byte
	asking [2][]byte // the requests, for IPv4 and IPv6 sockets; nil without VIPs
}

// Open returns the table of the calling thread's network namespace, cut down to
// sockets on these VIPs.
func Open(vips []netip.Addr) (*Table, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open the kernel's table of sockets: %w", err)
	}
	t := &Table{fd: fd, buf: make([]byte, bufferLen)}
	// Connected to the kernel, so that nobody else can answer.
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience}),
	)
	if err != nil {
		return nil, fmt.Errorf("open the kernel's table of sockets: %w", errors.Join(err, t.Close()))
	}
	if len(vips) > 0 {
		program := filter(unmapped(vips))
		t.asking = [2][]byte{request(unix.AF_INET, program), request(unix.AF_INET6, program)}
	}
	return t, nil
}

func unmapped(vips []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, len(vips))
	for i, v := range vips {
		out[i] = v.Unmap().WithZone("")
	}
	return out
}

// Close gives the netlink socket back. It may be called more than once.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd < 0 {
		return nil
	}
	fd := t.fd
	t.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close the kernel's table of sockets: %w", err)
	}
	return nil
}

// Each calls f for every flow. A flow may come twice. f must not call methods of
// the Table. After an error some flows may be missing.
func (t *Table) Each(f func(Flow)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd < 0 {
		return ErrClosed
	}
	for _, ask := range t.asking {
		if ask == nil {
			continue
		}
		t.seq++
		binary.NativeEndian.PutUint32(ask[8:], t.seq)
		if _, err := unix.Write(t.fd, ask); err != nil {
			return fmt.Errorf("list sockets: ask the kernel: %w", err)
		}
		if err := t.read(f); err != nil {
			return fmt.Errorf("list sockets: %w", err)
		}
	}
	return nil
}

// read takes in the answers to the request just sent. What is left of an earlier
// one that failed has another number and is skipped.
func (t *Table) read(f func(Flow)) error {
	for {
		n, err := unix.Read(t.fd, t.buf)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the kernel's answer: %w", err)
		}
		if done, err := answer(t.buf[:n], t.seq, f); done || err != nil {
			return err
		}
	}
}

// answer goes through one part of the kernel's answer, and says whether it was
// the last one.
func answer(b []byte, seq uint32, f func(Flow)) (done bool, err error) {
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
		case kind == unix.SOCK_DIAG_BY_FAMILY:
			flow, ok := parse(body)
			if !ok {
				return false, errTruncated
			}
			f(flow)
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
	errno := -int32(binary.NativeEndian.Uint32(body))
	switch {
	case errno == 0:
		return nil
	case syscall.Errno(errno) == syscall.ENOENT:
		return fmt.Errorf("%w: the kernel lacks the modules inet_diag and tcp_diag", syscall.ENOENT)
	}
	return syscall.Errno(errno)
}

// request encodes the dump of one family's TCP sockets, in the kernel's byte
// order: struct nlmsghdr, struct inet_diag_req_v2 (family 1, protocol 1, ext 1,
// padding 1, states 4, id 48, which a dump ignores), the filter as an attribute.
func request(family byte, program []byte) []byte {
	const attribute = 1 // INET_DIAG_REQ_BYTECODE
	native := binary.NativeEndian
	b := make([]byte, 4, unix.NLMSG_HDRLEN+56+4+len(program))
	b = native.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = native.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // number, filled in by Each; port
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = native.AppendUint32(b, listed)
	b = append(b, make([]byte, 48)...)
	b = native.AppendUint16(b, uint16(4+len(program)))
	b = native.AppendUint16(b, attribute)
	b = append(b, program...)
	native.PutUint32(b, uint32(len(b)))
	return b
}
