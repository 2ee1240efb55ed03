package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"thresher/internal/crowd"
)

const (
	// maxPacket is more than the longest UDP packet has.
	maxPacket = 1 << 16
	// receiveBuffer is the packet socket's, which the kernel cuts to what it grants: a
	// burst of gossip waits there. memberlist takes as much.
	receiveBuffer = 2 << 20
	// shortRetry and longRetry are how long a reader waits after its first error, and
	// at most, after many in a row.
	shortRetry = 5 * time.Millisecond
	longRetry  = time.Second
)

// sockets are memberlist's transport over one network: UDP and TCP on one address and
// port. memberlist's own (net_transport.go, v0.7.0) makes a buffer of 64 kB for each
// packet that it reads, which it cannot be told not to: most of the garbage of a node at
// rest.
type sockets struct {
	udp     *net.UDPConn
	tcp     *net.TCPListener
	log     *log.Logger
	packets chan *memberlist.Packet
	streams chan net.Conn

	closing sync.Once
	leaving chan struct{} // closed when nothing that comes is passed on any more
	readers sync.WaitGroup
	err     error
}

var _ memberlist.NodeAwareTransport = (*sockets)(nil)

// openSockets listens on an address; port 0 has the kernel choose one. The caller calls
// Shutdown.
func openSockets(address string, port int, log *log.Logger) (*sockets, error) {
	ip := net.ParseIP(address)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		return nil, fmt.Errorf("open sockets: %w", err)
	}
	udp, err := listenUDP(&net.UDPAddr{IP: ip, Port: tcp.Addr().(*net.TCPAddr).Port})
	if err != nil {
		return nil, fmt.Errorf("open sockets: %w", errors.Join(err, tcp.Close()))
	}
	s := &sockets{
		udp: udp, tcp: tcp, log: log, leaving: make(chan struct{}),
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
	}
	s.readers.Go(s.read)
	s.readers.Go(func() { s.accept(crowd.Limit(tcp, crowd.PerAddress)) })
	return s, nil
}

func listenUDP(at *net.UDPAddr) (*net.UDPConn, error) {
	udp, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, err
	}
	if err := udp.SetReadBuffer(receiveBuffer); err != nil {
		return nil, errors.Join(err, udp.Close())
	}
	return udp, nil
}

// port is the one that the sockets really have.
func (s *sockets) port() int { return s.tcp.Addr().(*net.TCPAddr).Port }

// FinalAdvertiseAddr is what is configured, or where the sockets are.
func (s *sockets) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if ip == "" {
		return s.tcp.Addr().(*net.TCPAddr).IP, s.port(), nil
	}
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, 0, fmt.Errorf("address to be told: %w", err)
	}
	return address.Unmap().AsSlice(), port, nil
}

// WriteTo sends a packet to who has the address.
func (s *sockets) WriteTo(b []byte, address string) (time.Time, error) {
	return s.WriteToAddress(b, memberlist.Address{Addr: address})
}

// WriteToAddress sends a packet, and returns when that was.
func (s *sockets) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := netip.ParseAddrPort(a.Addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = s.udp.WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
	return time.Now(), err
}

// DialTimeout connects to who has the address.
func (s *sockets) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", address, timeout)
}

// DialAddressTimeout connects to a node.
func (s *sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return s.DialTimeout(a.Addr, timeout)
}

// PacketCh and StreamCh are what comes.
func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }
func (s *sockets) StreamCh() <-chan net.Conn           { return s.streams }

// read passes packets on. memberlist keeps what it gets of them, so each is a copy.
func (s *sockets) read() {
	buffer := make([]byte, maxPacket)
	var wait time.Duration
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buffer)
		now := time.Now()
		if err != nil {
			if wait = s.afterError(err, wait); wait == 0 {
				return
			}
			continue
		}
		wait = 0
		if n == 0 {
			s.log.Printf("[ERR] memberlist: a packet of no bytes from=%s", from)
			continue
		}
		select {
		case s.packets <- &memberlist.Packet{Buf: bytes.Clone(buffer[:n]), From: net.UDPAddrFromAddrPort(from), Timestamp: now}:
		case <-s.leaving:
			return
		}
	}
}

// accept passes connections on.
func (s *sockets) accept(l net.Listener) {
	var wait time.Duration
	for {
		conn, err := l.Accept()
		if err != nil {
			if wait = s.afterError(err, wait); wait == 0 {
				return
			}
			continue
		}
		wait = 0
		select {
		case s.streams <- &stream{Conn: conn, left: maxStream}:
		case <-s.leaving:
			_ = conn.Close() // nobody is there to be served
			return
		}
	}
}

// afterError waits before another try, twice as long as after the last error, and
// returns how long that was; 0 when there is to be none.
func (s *sockets) afterError(err error, last time.Duration) time.Duration {
	select {
	case <-s.leaving:
		return 0
	default:
	}
	s.log.Printf("[ERR] memberlist: take what comes: %v", err)
	wait := min(max(2*last, shortRetry), longRetry)
	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-over.C:
		return wait
	case <-s.leaving:
		return 0
	}
}

// Shutdown closes the sockets, and returns when nothing more comes from them.
func (s *sockets) Shutdown() error {
	s.closing.Do(func() {
		close(s.leaving)
		s.err = errors.Join(s.udp.Close(), s.tcp.Close())
		s.readers.Wait()
	})
	return s.err
}
