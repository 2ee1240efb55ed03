package arp

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"go.uber.org/goleak"

	"thresher/config"
	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit)) }

var (
	vip      = netip.MustParseAddr("192.0.2.100")
	otherVIP = netip.MustParseAddr("192.0.2.101")
	clientIP = netip.MustParseAddr("192.0.2.7")

	vmac       = config.MAC{0x5a, 0xfe, 0xc0, 0x00, 0x02, 0x64}
	otherVMAC  = config.MAC{0x5a, 0xfe, 0xc0, 0x00, 0x02, 0x65}
	nicMAC     = config.MAC{0x02, 0, 0, 0, 0, 0x01}
	clientMAC  = config.MAC{0x02, 0, 0, 0, 0, 0x07}
	foreignMAC = config.MAC{0x02, 0, 0, 0, 0, 0x66}
	broadcast  = config.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// frame is an ARP frame as gopacket, an independent implementation, writes it.
type frame struct {
	eth layers.Ethernet
	arp layers.ARP
}

// request is "who has target" from sender, broadcast.
func request(sender config.MAC, senderIP, target netip.Addr) frame {
	return frame{
		eth: layers.Ethernet{SrcMAC: sender.HardwareAddr(), DstMAC: broadcast.HardwareAddr(), EthernetType: layers.EthernetTypeARP},
		arp: layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
			HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
			SourceHwAddress: sender.HardwareAddr(), SourceProtAddress: senderIP.AsSlice(),
			DstHwAddress: make([]byte, 6), DstProtAddress: target.AsSlice(),
		},
	}
}

// with returns the frame after a change.
func (f frame) with(change func(*frame)) frame { change(&f); return f }

func arpFrame(f frame) []byte {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{}
	if err := gopacket.SerializeLayers(buf, opts, &f.eth, &f.arp); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// seen is a frame as gopacket reads it.
type seen struct {
	EthSrc, EthDst, SenderMAC, TargetMAC string
	SenderIP, TargetIP                   string
	Op                                   uint16
}

func parse(t testing.TB, b []byte) seen {
	t.Helper()
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	eth, ok1 := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	a, ok2 := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok1 || !ok2 || p.ErrorLayer() != nil {
		t.Fatalf("sent frame is no ARP: % x", b)
	}
	return seen{
		eth.SrcMAC.String(), eth.DstMAC.String(),
		net.HardwareAddr(a.SourceHwAddress).String(), net.HardwareAddr(a.DstHwAddress).String(),
		net.IP(a.SourceProtAddress).String(), net.IP(a.DstProtAddress).String(), a.Operation,
	}
}

// fakeConn is a packet socket in memory: reads come from a script.
type fakeConn struct {
	reads    chan any // []byte or error
	closed   chan struct{}
	deadline chan time.Time

	mu       sync.Mutex
	writes   [][]byte
	writeErr error
	once     sync.Once
}

func newFakeConn() *fakeConn {
	return &fakeConn{
		reads: make(chan any, 64), closed: make(chan struct{}), deadline: make(chan time.Time, 64)}
}

func (c *fakeConn) receive(b []byte)    { c.reads <- b }
func (c *fakeConn) fail(err error)      { c.reads <- err }
func (c *fakeConn) LocalAddr() net.Addr { return nil }

func (c *fakeConn) sent() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

func (c *fakeConn) ReadFrom(b []byte) (int, net.Addr, error) {
	var expired <-chan time.Time
	for {
		select {
		case <-c.closed:
			return 0, nil, net.ErrClosed
		case d := <-c.deadline:
			timer := time.NewTimer(time.Until(d))
			defer timer.Stop()
			expired = timer.C
		case <-expired:
			return 0, nil, os.ErrDeadlineExceeded
		case next := <-c.reads:
			if err, ok := next.(error); ok {
				return 0, nil, err
			}
			return copy(b, next.([]byte)), nil, nil
		}
	}
}

func (c *fakeConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	c.writes = append(c.writes, append([]byte(nil), b...))
	return len(b), nil
}

func (c *fakeConn) Close() error                      { c.once.Do(func() { close(c.closed) }); return nil }
func (c *fakeConn) SetReadDeadline(t time.Time) error { c.deadline <- t; return nil }
func (c *fakeConn) SetWriteDeadline(time.Time) error  { return nil }
func (c *fakeConn) SetDeadline(t time.Time) error     { return c.SetReadDeadline(t) }

// responderOn is a Responder on a fake socket. arp.New wants an interface with
// an IPv4 address, and lo has one on any machine.
func responderOn(t testing.TB, conn net.PacketConn, o Options) *Responder {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	w, err := newARPWire(lo, nicMAC, conn)
	if err != nil {
		t.Fatal(err)
	}
	return newResponder(w, nicMAC, o)
}
