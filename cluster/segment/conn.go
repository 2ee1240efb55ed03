package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"thresher/cluster/confirm"
)

// EtherType marks heartbeats (DESIGN §3).
const EtherType = 0x88B5

// headerLen is an Ethernet header's length in bytes (IEEE 802.3 §3.1).
const headerLen = 14

// kindLen is the length of the kind in bytes.
const kindLen = 1

// Kind is what a frame is sent for: the byte after the Ethernet header, in clear.
// Renewal or News is a hint for the receiver's own scheduling and nothing else, so
// that forging it wins nothing.
type Kind uint8

const (
	// Renewal frames are not waited for, but read when something else wakes the
	// receiver, its own next heartbeat at the latest. So a node wakes up once per
	// heartbeat interval, however many peers it has.
	Renewal Kind = iota
	// News frames wake the receiver, but for those of a process that it has not heard
	// yet: anybody may forge these.
	News
	// Notice frames are no heartbeats, though they look the same: they say what
	// the sender's next heartbeat will, while it is still making that come true.
	// They wake the receiver, and must not be fed to the protocol.
	Notice
)

// Conn sends and receives heartbeats on one interface. All its methods but
// Interrupt and Close belong to one goroutine; Close may be called beside a Wait, and
// beside no other of them.
type Conn struct {
	sockets [strangers + 1]socket // by class
	bell    *bell                 // of news
	sealer  *confirm.Sealer
	opener  *confirm.Opener
	tries   confirm.Tries
	met     bool // a process that the sockets do not know yet, or they know one that is forgotten
	header  [headerLen]byte
	frame   []byte // scratch for Send
	buffer  []byte // scratch for Receive

	counters Counters
	stranger [6]byte
}

// Counters count frames of the EtherType since Open.
type Counters struct {
	// Received are heartbeats, Foreign frames that this farm's key did not seal or
	// that were not tried (confirm.Tries), Malformed those that it did and that cannot
	// be read.
	Received, Foreign, Malformed uint64
}

// Open listens and sends on an Ethernet interface, under the first of the farm's
// keys, and believes them all. It needs CAP_NET_RAW. The caller closes the Conn.
func Open(ifi *net.Interface, keys ...[32]byte) (*Conn, error) {
	c := &Conn{sockets: [...]socket{{-1}, {-1}, {-1}}, buffer: make([]byte, headerLen+kindLen+confirm.MaxSealed+1)}
	copy(c.header[:6], broadcast)
	copy(c.header[6:12], ifi.HardwareAddr)
	c.header[12], c.header[13] = EtherType>>8, EtherType&0xff
	err := c.SetKeys(keys...)
	if err != nil {
		return nil, fmt.Errorf("heartbeats on %s: %w", ifi.Name, err)
	}
	for of := range c.sockets {
		if c.sockets[of], err = openSocket(ifi, class(of)); err != nil {
			return nil, errors.Join(fmt.Errorf("heartbeats on %s: %w", ifi.Name, err), c.Close())
		}
	}
	if c.bell, err = newBell(c.sockets[news]); err != nil {
		c.sockets[news].fd = -1 // the bell's
		return nil, errors.Join(fmt.Errorf("heartbeats on %s: %w", ifi.Name, err), c.Close())
	}
	return c, nil
}

// SetKeys seals under the first key from now on, and believes all of them and no
// other. There is at least one.
func (c *Conn) SetKeys(keys ...[32]byte) error {
	sealer, err := confirm.NewSealer(keys[0])
	if err != nil {
		return err
	}
	c.sealer, c.opener, c.met = sealer, confirm.NewOpener(keys...), true
	return nil
}

// broadcast is the Ethernet address of everybody.
var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Send broadcasts a heartbeat: this node's own or, relayed, another's. It does not
// block. A link that is down, or takes nothing for now, is no error: the heartbeat is
// lost like any on a cut cable.
func (c *Conn) Send(hb *confirm.Heartbeat, kind Kind) error {
	frame, err := c.sealer.Seal(append(append(c.frame[:0], c.header[:]...), byte(kind)), hb)
	if err != nil {
		return fmt.Errorf("send heartbeat: %w", err)
	}
	c.frame = frame
	// Not by the socket of news: what has left wakes who waits for room.
	switch errno := sendNow(c.sockets[renewals].fd, frame); errno {
	case 0, unix.ENETDOWN, unix.ENXIO, unix.ENOBUFS, unix.EAGAIN: // the last where the link takes no more
		return nil
	default:
		return fmt.Errorf("send heartbeat: %w", errno)
	}
}

// Wait returns when news waits, or at the time given, or after Interrupt. One
// goroutine waits, and it is the one that tells the time to the protocol: each
// hand-over to another would cost an idle node more than all the rest.
func (c *Conn) Wait(until time.Time) error { return c.bell.wait(until) }

// Interrupt ends the present Wait, or the next one if there is none. Any
// goroutine may call it.
func (c *Conn) Interrupt() { c.bell.interrupt() }

// Receive hands over all heartbeats and notices that wait, each sender's oldest first but for
// news, which may come after younger renewals, and returns how many. It does not
// block. What it hands over is the callee's.
func (c *Conn) Receive(take func(*confirm.Heartbeat, Kind)) int {
	received := 0
	c.tries.Renew()
	for _, of := range []class{strangers, renewals, news} {
		for range of.maxRead() {
			n, ok := c.sockets[of].read(c.buffer)
			if !ok {
				break
			}
			if hb := c.open(c.buffer[:n]); hb != nil {
				take(hb, Kind(c.buffer[headerLen]))
				received++
			}
		}
	}
	if c.met {
		c.admit()
	}
	return received
}

// admit has the sockets tell members from strangers by the salts that are known now.
// While it does, a frame of a new one may come twice. Where the kernel refuses, new
// ones go on as strangers, which is late and not lost.
func (c *Conn) admit() {
	var known []uint32
	for _, salt := range c.opener.Salts() {
		known = append(known, binary.BigEndian.Uint32(salt[:]))
	}
	c.met = false
	for of, s := range c.sockets {
		if s.admit(class(of), known) != nil {
			c.met = true // again next time
			return
		}
	}
}

// open decodes a frame, nil if it is nobody's of this farm.
func (c *Conn) open(frame []byte) *confirm.Heartbeat {
	sealed := frame[sealedAt:] // of any frame that the filters let in
	known := c.opener.Knows(sealed)
	if !known && !c.tries.Take(frame[6:12]) {
		c.counters.Foreign++
		return nil
	}
	hb, err := c.opener.Open(sealed)
	switch {
	case errors.Is(err, confirm.ErrSeal):
		c.counters.Foreign++
		c.stranger = [6]byte(frame[6:12])
	case err != nil:
		c.counters.Malformed++
	default:
		c.counters.Received++
		c.met = c.met || !known
		return hb
	}
	return nil
}

// Counters returns what was counted so far. It belongs to Receive's goroutine.
func (c *Conn) Counters() Counters { return c.counters }

// Stranger is the Ethernet source of the last frame that was tried and that no key of
// the farm's opens; zero if there was none. It belongs to Receive's goroutine.
func (c *Conn) Stranger() [6]byte { return c.stranger }

// Close ends both directions, and a Wait with an error.
func (c *Conn) Close() error {
	var errs []error
	for of, s := range c.sockets {
		if class(of) == news && c.bell != nil {
			errs = append(errs, c.bell.close())
			continue
		}
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
