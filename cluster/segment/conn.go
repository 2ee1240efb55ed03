package segment

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"thresher/cluster/confirm"
)

// EtherType marks heartbeats (DESIGN §3).
const EtherType = 0x88B5

// headerLen is an Ethernet header's length in bytes (IEEE 802.3 §3.1).
const headerLen = 14

// receiveBuffer is how much may wait in the socket, in bytes: a second of 31
// peers' heartbeats, with what the kernel counts for each.
const receiveBuffer = 1 << 20

// Conn sends and receives heartbeats on one interface. All its methods but
// Interrupt and Close belong to one goroutine.
type Conn struct {
	conn   *packet.Conn
	raw    syscall.RawConn
	sealer *confirm.Sealer
	opener *confirm.Opener
	header [headerLen]byte
	frame  []byte // scratch for Send
	buffer []byte // scratch for Receive

	interrupted atomic.Bool

	counters Counters
}

// Counters count frames of the EtherType since Open.
type Counters struct {
	// Received are heartbeats, Foreign frames that this farm's key did not seal,
	// Malformed those that it did and that cannot be read.
	Received, Foreign, Malformed uint64
}

// Open listens and sends on an Ethernet interface, under the farm's key. It
// needs CAP_NET_RAW. The caller closes the Conn.
func Open(ifi *net.Interface, key [32]byte) (*Conn, error) {
	sealer, err := confirm.NewSealer(key)
	if err != nil {
		return nil, fmt.Errorf("heartbeats on %s: %w", ifi.Name, err)
	}
	conn, err := packet.Listen(ifi, packet.Raw, EtherType, nil)
	if err != nil {
		return nil, fmt.Errorf("heartbeats on %s: open a packet socket (needs root or CAP_NET_RAW): %w", ifi.Name, err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("heartbeats on %s: %w", ifi.Name, err), conn.Close())
	}
	c := &Conn{
		conn: conn, raw: raw, sealer: sealer, opener: confirm.NewOpener(key),
		buffer: make([]byte, headerLen+confirm.MaxSealed+1),
	}
	if err := c.grow(); err != nil {
		return nil, errors.Join(fmt.Errorf("heartbeats on %s: %w", ifi.Name, err), conn.Close())
	}
	copy(c.header[:6], broadcast)
	copy(c.header[6:12], ifi.HardwareAddr)
	c.header[12], c.header[13] = EtherType>>8, EtherType&0xff
	return c, nil
}

// broadcast is the Ethernet address of everybody.
var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// grow makes room in the socket, beyond the machine's limit where it may.
func (c *Conn) grow() error {
	return c.control(func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) == nil {
			return nil
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	})
}

func (c *Conn) control(f func(fd int) error) error {
	var inner error
	err := c.raw.Control(func(fd uintptr) { inner = f(int(fd)) })
	return errors.Join(err, inner)
}

// Send broadcasts a heartbeat: this node's own or, relayed, another's. A link
// that is down is no error: the heartbeat is lost like any on a cut cable.
func (c *Conn) Send(hb *confirm.Heartbeat) error {
	frame, err := c.sealer.Seal(append(c.frame[:0], c.header[:]...), hb)
	if err != nil {
		return fmt.Errorf("send heartbeat: %w", err)
	}
	c.frame = frame
	_, err = c.conn.WriteTo(frame, &packet.Addr{HardwareAddr: broadcast})
	if err == nil || errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENXIO) {
		return nil
	}
	return fmt.Errorf("send heartbeat: %w", err)
}

// Wait returns when heartbeats wait, or at the time given, or after Interrupt. One
// goroutine waits, and it is the one that tells the time to the protocol: each
// hand-over to another would cost an idle node more than all the rest.
func (c *Conn) Wait(until time.Time) error {
	if err := c.conn.SetReadDeadline(until); err != nil {
		return fmt.Errorf("wait for heartbeats: %w", err)
	}
	if c.interrupted.Swap(false) {
		return nil
	}
	err := c.raw.Read(waiting)
	c.interrupted.Store(false)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("wait for heartbeats: %w", err)
	}
	return nil
}

// Interrupt ends the present Wait, or the next one if there is none. Any
// goroutine may call it.
func (c *Conn) Interrupt() {
	c.interrupted.Store(true)
	// Wait sets its deadline before it looks at interrupted, so that either it
	// sees that, or this deadline comes after its own.
	_ = c.conn.SetReadDeadline(past) // fails only when the Conn is closed
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// waiting says whether something waits in the socket; on false the runtime waits
// for it. It does not read: what waits must be read by Receive, and whole.
func waiting(fd uintptr) bool {
	var one [1]byte
	_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return !errors.Is(err, unix.EAGAIN)
}

// Receive hands over all heartbeats that wait, oldest first, and returns how
// many. It does not block. What it hands over is the callee's.
func (c *Conn) Receive(take func(*confirm.Heartbeat)) int {
	received := 0
	for {
		n, ok := c.read()
		if !ok {
			break
		}
		if hb := c.open(c.buffer[:n]); hb != nil {
			take(hb)
			received++
		}
	}
	return received
}

// read takes one frame out of the socket, if there is one.
func (c *Conn) read() (n int, ok bool) {
	err := c.control(func(fd int) (err error) {
		for {
			n, _, err = unix.Recvfrom(fd, c.buffer, unix.MSG_DONTWAIT)
			// A link that went down is told once, as an error of the socket.
			if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENETDOWN) {
				return err
			}
		}
	})
	return n, err == nil
}

// open decodes a frame, nil if it is nobody's of this farm.
func (c *Conn) open(frame []byte) *confirm.Heartbeat {
	if len(frame) <= headerLen {
		c.counters.Foreign++
		return nil
	}
	hb, err := c.opener.Open(frame[headerLen:])
	switch {
	case errors.Is(err, confirm.ErrSeal):
		c.counters.Foreign++
	case err != nil:
		c.counters.Malformed++
	default:
		c.counters.Received++
		return hb
	}
	return nil
}

// Counters returns what was counted so far. It belongs to Receive's goroutine.
func (c *Conn) Counters() Counters { return c.counters }

// Close ends both directions, and a Wait with an error.
func (c *Conn) Close() error { return c.conn.Close() }
