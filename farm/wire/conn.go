package wire

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"thresher/cluster/confirm"
	"thresher/config"
)

// Conn sends and receives probes and reports on one interface. It belongs to one
// goroutine.
type Conn struct {
	sockets []*packet.Conn // the first one sends
	nic     config.MAC
	from4   netip.Addr
	from6   netip.Addr
	sealer  *confirm.Sealer
	opener  *confirm.Opener
	tries   confirm.Tries
	buffer  []byte
	frame   []byte
}

// Options are what a Conn may be told.
type Options struct {
	// Bare also takes probes that no kernel program has seen: for a machine on
	// which no daemon runs.
	Bare bool
}

// label keeps this package's key apart from the farm's other ones.
const label = "thresher wire v1"

// Open listens and sends on an Ethernet interface, under the first of the farm's
// keys, and believes them all. It needs CAP_NET_RAW. The caller closes the Conn.
func Open(ifi *net.Interface, o Options, keys ...[32]byte) (*Conn, error) {
	c := &Conn{buffer: make([]byte, 2048)}
	copy(c.nic[:], ifi.HardwareAddr)
	if err := c.SetKeys(keys...); err != nil {
		return nil, fmt.Errorf("probes on %s: %w", ifi.Name, err)
	}
	if err := c.ownAddresses(ifi); err != nil {
		return nil, err
	}
	types := []int{EtherType}
	if o.Bare {
		types = append(types, etherTypeIPv4, etherTypeIPv6)
	}
	for _, t := range types {
		if err := c.listen(ifi, t); err != nil {
			return nil, errors.Join(fmt.Errorf("probes on %s: %w", ifi.Name, err), c.Close())
		}
	}
	return c, nil
}

// SetKeys seals under what comes of the first key from now on, and believes all of
// them and no other. There is at least one.
func (c *Conn) SetKeys(keys ...[32]byte) error {
	own := make([][32]byte, len(keys))
	for i, key := range keys {
		derived, err := hkdf.Key(sha256.New, key[:], nil, label, len(key))
		if err != nil {
			return fmt.Errorf("derive the probes' key: %w", err)
		}
		own[i] = [32]byte(derived)
	}
	sealer, err := confirm.NewSealer(own[0])
	if err != nil {
		return err
	}
	c.sealer, c.opener = sealer, confirm.NewOpener(own...)
	return nil
}

// ownAddresses finds what probes come from: switches may let nothing pass that
// comes from an address which is not the port's.
func (c *Conn) ownAddresses(ifi *net.Interface) error {
	addrs, err := ifi.Addrs()
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", ifi.Name, err)
	}
	c.from4, c.from6 = netip.IPv4Unspecified(), netip.IPv6Unspecified()
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsMulticast() {
			continue
		}
		if own := p.Addr(); own.Is4() && c.from4.IsUnspecified() {
			c.from4 = own
		} else if own.Is6() && c.from6.IsUnspecified() {
			c.from6 = own
		}
	}
	return nil
}

func (c *Conn) listen(ifi *net.Interface, etherType int) error {
	filter, err := bpf.Assemble(filterOf(etherType))
	if err != nil {
		return fmt.Errorf("assemble the socket filter: %w", err)
	}
	conn, err := packet.Listen(ifi, packet.Raw, etherType, &packet.Config{Filter: filter})
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("open a packet socket: %w; run as root or grant CAP_NET_RAW", err)
	}
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	c.sockets = append(c.sockets, conn)
	return nil
}

// filterOf lets in frames of the type, of IP packets probes alone.
func filterOf(etherType int) []bpf.Instruction {
	const all = 2048
	offset := map[int]uint32{etherTypeIPv4: headerLen + 9, etherTypeIPv6: headerLen + 6}[etherType]
	if offset == 0 {
		return []bpf.Instruction{
			bpf.LoadAbsolute{Off: 12, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: EtherType, SkipTrue: 1},
			bpf.RetConstant{Val: all},
			bpf.RetConstant{Val: 0},
		}
	}
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offset, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: Protocol, SkipTrue: 1},
		bpf.RetConstant{Val: all},
		bpf.RetConstant{Val: 0},
	}
}

// Probe sends a probe to the VIP's VMAC.
func (c *Conn) Probe(vip config.VIP, p Probe) error {
	from := c.from4
	if vip.Address.Is6() {
		from = c.from6
	}
	sealed := c.sealer.SealBytes(nil, p.Append(nil))
	c.frame = appendProbe(c.frame[:0], vip, c.nic, from, sealed)
	return c.send(vip.MAC)
}

// Report sends a report to everybody, and once more to each of those stations.
func (c *Conn) Report(r Report, stations ...config.MAC) error {
	for _, to := range append([]config.MAC{everybody}, stations...) {
		c.frame = c.sealer.SealBytes(appendHeader(c.frame[:0], to, c.nic, EtherType), r.Append(nil))
		if err := c.send(to); err != nil {
			return err
		}
	}
	return nil
}

// sendPatience is how long a frame may wait for room in the socket, which a device that
// takes no more frames does not make.
const sendPatience = 2 * time.Millisecond

// send sends c.frame. A link that is down, or stuck, is no error: what is sent is lost
// like anything on a cut cable.
func (c *Conn) send(to config.MAC) error {
	if err := c.sockets[0].SetWriteDeadline(time.Now().Add(sendPatience)); err != nil {
		return fmt.Errorf("send a probe or report: %w", err)
	}
	_, err := c.sockets[0].WriteTo(c.frame, &packet.Addr{HardwareAddr: to.HardwareAddr()})
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENXIO) {
		return nil
	}
	return fmt.Errorf("send a probe or report: %w", err)
}

// maxRead bounds how many frames of a socket Receive reads: more than wait in one of
// the kernel's usual size (212,992 bytes, 768 a frame at least).
const maxRead = 1024

// Receive hands over what waits, and does not block, nor go on while more comes without
// an end. What no member of the farm has sent is not there.
func (c *Conn) Receive(probe func(Probe), report func(Report, config.MAC)) {
	c.tries.Renew()
	for _, s := range c.sockets {
		raw, err := s.SyscallConn()
		if err != nil {
			continue // closed
		}
		for range maxRead {
			n, ok := read(raw, c.buffer)
			if !ok {
				break
			}
			c.take(c.buffer[:n], probe, report)
		}
	}
}

func (c *Conn) take(b []byte, probe func(Probe), report func(Report, config.MAC)) {
	f, ok := parse(b)
	if !ok || f.from == c.nic {
		return
	}
	if !c.opener.Knows(f.sealed) && !c.tries.Take(f.from[:]) {
		return
	}
	plain, err := c.opener.OpenBytes(f.sealed)
	if err != nil {
		return
	}
	if p, err := DecodeProbe(plain); err == nil && f.vip == p.VIP {
		probe(p)
	} else if r, err := DecodeReport(plain); err == nil && !f.vip.IsValid() {
		report(r, f.from)
	}
}

// read takes one frame out of a socket, if there is one.
func read(raw syscall.RawConn, buffer []byte) (n int, ok bool) {
	var inner error
	err := raw.Control(func(fd uintptr) {
		for {
			n, _, inner = unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT)
			// A link that went down is told once, as an error of the socket.
			if !errors.Is(inner, unix.EINTR) && !errors.Is(inner, unix.ENETDOWN) {
				return
			}
		}
	})
	return n, err == nil && inner == nil
}

// Close ends both directions.
func (c *Conn) Close() error {
	var errs []error
	for _, s := range c.sockets {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
