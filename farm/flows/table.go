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

// ErrClosed is returned by methods of a Table that was closed.
var ErrClosed = errors.New("flows: closed")

// Table is the kernel's table of TCP sockets, and conntrack's where the node
// forwards. It owns netlink sockets until Close. Its methods may be called from
// any goroutine and wait for one another.
type Table struct {
	mu        sync.Mutex
	sockets   *dump
	all, half [][]byte   // the requests for all sockets, and for those that are half open
	conntrack *conntrack // nil where nothing is forwarded
}

// Open returns the tables of the calling thread's network namespace: its sockets,
// cut down to those on vips, and conntrack's entries, cut down to flows to
// forwarded: config.Config's Forwarded.
func Open(vips []netip.Addr, forwarded ...netip.Addr) (*Table, error) {
	sockets, err := openDump(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open the kernel's table of sockets: %w", err)
	}
	t := &Table{sockets: sockets}
	if len(vips) > 0 {
		program := filter(unmapped(vips))
		t.all = [][]byte{request(unix.AF_INET, listed, program), request(unix.AF_INET6, listed, program)}
		t.half = [][]byte{request(unix.AF_INET, 1<<SynRecv, program), request(unix.AF_INET6, 1<<SynRecv, program)}
	}
	if len(forwarded) > 0 {
		if t.conntrack, err = openConntrack(unmapped(forwarded)); err != nil {
			return nil, fmt.Errorf("open conntrack: %w", errors.Join(err, t.Close()))
		}
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

// Close gives the netlink sockets back. It may be called more than once.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.sockets.close()
	if t.conntrack != nil {
		err = errors.Join(err, t.conntrack.close())
	}
	if err != nil {
		return fmt.Errorf("close the kernel's tables: %w", err)
	}
	return nil
}

// Each calls f for every flow that has a socket. A flow may come twice. f must
// not call methods of the Table. After an error some flows may be missing.
func (t *Table) Each(f func(Flow)) error { return t.each(t.all, f) }

// each is Each for the sockets that these requests ask for.
func (t *Table) each(asking [][]byte, f func(Flow)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sockets.fd < 0 {
		return ErrClosed
	}
	err := t.sockets.each(asking, func(kind uint16, body []byte) bool {
		if kind != unix.SOCK_DIAG_BY_FAMILY {
			return true
		}
		flow, ok := parse(body)
		if ok {
			f(flow)
		}
		return ok
	})
	if errors.Is(err, syscall.ENOENT) {
		err = fmt.Errorf("%w: the kernel lacks the modules inet_diag and tcp_diag", err)
	}
	if err != nil {
		return fmt.Errorf("list sockets: %w", err)
	}
	return nil
}

// request encodes the dump of one family's TCP sockets in these states, as a mask:
// struct inet_diag_req_v2 (family 1, protocol 1, ext 1, padding 1, states 4, id 48,
// which a dump ignores), the filter as an attribute.
func request(family byte, states uint32, program []byte) []byte {
	const byteCode = 1 // INET_DIAG_REQ_BYTECODE
	body := []byte{family, unix.IPPROTO_TCP, 0, 0}
	body = binary.NativeEndian.AppendUint32(body, states)
	body = append(body, make([]byte, 48)...)
	return dumpRequest(unix.SOCK_DIAG_BY_FAMILY, append(body, attribute(byteCode, program)...))
}
