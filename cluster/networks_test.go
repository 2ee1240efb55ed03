package cluster

import (
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
)

// fakeNetwork is a network of a test: what is sent by it comes out of sent.
type fakeNetwork struct {
	address string
	sent    chan letter
	packets chan *memberlist.Packet
	streams chan net.Conn
	dial    func(address string, timeout time.Duration) (net.Conn, error)
	closed  chan struct{}
}

func newFakeNetwork(address string) *fakeNetwork {
	return &fakeNetwork{
		address: address, sent: make(chan letter), closed: make(chan struct{}),
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
		dial: func(string, time.Duration) (net.Conn, error) { return nil, errors.New("dial tcp: refused") },
	}
}

func (f *fakeNetwork) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.ParseIP(f.address), 7946, nil
}

func (f *fakeNetwork) WriteTo(b []byte, address string) (time.Time, error) {
	return f.WriteToAddress(b, memberlist.Address{Addr: address})
}

// WriteToAddress blocks until the test takes the packet, as a socket does whose
// neighbours do not answer.
func (f *fakeNetwork) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	select {
	case f.sent <- letter{b, a}:
		return time.Now(), nil
	case <-f.closed:
		return time.Now(), net.ErrClosed
	}
}

func (f *fakeNetwork) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	return f.dial(address, timeout)
}

func (f *fakeNetwork) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return f.dial(a.Addr, timeout)
}
func (f *fakeNetwork) PacketCh() <-chan *memberlist.Packet { return f.packets }
func (f *fakeNetwork) StreamCh() <-chan net.Conn           { return f.streams }
func (f *fakeNetwork) Shutdown() error                     { close(f.closed); return nil }

// twoNetworks are web1's, which knows web2.
func twoNetworks() (n *networks, first, second *fakeNetwork) {
	first, second = newFakeNetwork("192.0.2.11"), newFakeNetwork("2001:db8::11")
	p := newPaths(2)
	p.learn(web2(true), time.Now())
	quiet := log.New(io.Discard, "", 0)
	return newNetworks([]*outgoing{newOutgoing(first, quiet), newOutgoing(second, quiet)}, p), first, second
}

var toWeb2 = memberlist.Address{Addr: webFirst.String(), Name: "web2"}

func mustWrite(t *testing.T, n *networks, packet string, to memberlist.Address) {
	t.Helper()
	if _, err := n.WriteToAddress([]byte(packet), to); err != nil {
		t.Fatal(err)
	}
}

// got is the next packet that a network sends; empty if there is none.
func (f *fakeNetwork) got() (packet, to string) {
	synctest.Wait()
	select {
	case l := <-f.sent:
		return string(l.packet), l.to.Addr
	default:
		return "", ""
	}
}

func TestPacketsGoOutOnAllNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := twoNetworks()
		defer n.Shutdown()
		// The first blocks all the time; the second takes all of them at once.
		for _, packet := range []string{"one", "two", "three"} {
			mustWrite(t, n, packet, toWeb2)
			if p, to := second.got(); p != packet || to != webSecond.String() {
				t.Errorf("the second network sent %q to %s", p, to)
			}
		}
		for _, packet := range []string{"one", "two", "three", ""} {
			if p, _ := first.got(); p != packet {
				t.Errorf("the first network sent %q, want %q", p, packet)
			}
		}
	})
}

// What memberlist writes over after it has sent it must not change on its way.
func TestPacketsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, _ := twoNetworks()
		defer n.Shutdown()
		buffer := []byte("one")
		if _, err := n.WriteTo(buffer, webFirst.String()); err != nil {
			t.Fatal(err)
		}
		copy(buffer, "xxx")
		if p, _ := first.got(); p != "one" {
			t.Errorf("sent %q", p)
		}
	})
}

func TestFullQueueDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, _ := twoNetworks()
		defer n.Shutdown()
		for range 2 * queueLen {
			mustWrite(t, n, "x", toWeb2)
		}
		sent := 0
		for p, _ := first.got(); p != ""; p, _ = first.got() {
			sent++
		}
		if sent < queueLen || sent > queueLen+1 {
			t.Errorf("%d packets sent, want the %d of the queue", sent, queueLen)
		}
	})
}

// Who is not known is spoken to by the network that its address looks like.
func TestPacketsToStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := twoNetworks()
		defer n.Shutdown()
		mustWrite(t, n, "four", memberlist.Address{Addr: "192.0.2.13:7946", Name: "web3"})
		mustWrite(t, n, "six", memberlist.Address{Addr: "[2001:db8::13]:7946"})
		for _, tt := range []struct {
			by   *fakeNetwork
			want string
		}{{first, "four"}, {first, ""}, {second, "six"}, {second, ""}} {
			if p, _ := tt.by.got(); p != tt.want {
				t.Errorf("the network of %s sent %q, want %q", tt.by.address, p, tt.want)
			}
		}
	})
}

func TestPacketsAndStreamsComeFromAnyNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := twoNetworks()
		defer n.Shutdown()
		for range 2 * missedPackets {
			time.Sleep(missedFor)
			second.packets <- &memberlist.Packet{Buf: []byte("b"), From: net.UDPAddrFromAddrPort(webSecond), Timestamp: time.Now()}
			<-n.PacketCh()
		}
		if cuts := n.paths.cuts(); len(cuts) != 1 || cuts[0].Address != webFirst {
			t.Errorf("cuts %v, want that of the first network", cuts)
		}
		// As a socket of both families has it.
		mapped := netip.AddrPortFrom(netip.AddrFrom16(webFirst.Addr().As16()), webFirst.Port())
		first.packets <- &memberlist.Packet{Buf: []byte("a"), From: net.UDPAddrFromAddrPort(mapped), Timestamp: time.Now()}
		if p := <-n.PacketCh(); string(p.Buf) != "a" || len(n.paths.cuts()) != 0 {
			t.Errorf("%q, cuts %v", p.Buf, n.paths.cuts())
		}
		for _, f := range []*fakeNetwork{first, second} {
			here, there := net.Pipe()
			f.streams <- here
			if c := <-n.StreamCh(); c != here {
				t.Errorf("another stream")
			}
			_, _ = here.Close(), there.Close()
		}
	})
}

// hang is a dial that nobody answers.
func hang(address string, timeout time.Duration) (net.Conn, error) {
	time.Sleep(timeout)
	return nil, errors.New("dial tcp " + address + ": i/o timeout")
}

func TestStreamsTryOneNetworkAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := twoNetworks()
		defer n.Shutdown()
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		var dialled string
		first.dial = hang
		second.dial = func(address string, _ time.Duration) (net.Conn, error) { dialled = address; return here, nil }
		took := func() time.Duration {
			began := time.Now()
			if c, err := n.DialAddressTimeout(toWeb2, time.Second); err != nil || c != here || dialled != webSecond.String() {
				t.Fatalf("%v, %v at %s", c, err, dialled)
			}
			return time.Since(began)
		}
		if d := took(); d != time.Second/2 {
			t.Errorf("the second network was tried after %v, want half of the time", d)
		}
		for range missedPackets {
			n.paths.hear(webSecond, time.Now().Add(time.Minute))
		}
		if d := took(); d != 0 {
			t.Errorf("with the first one cut, the second was tried after %v", d)
		}
	})
}

func TestStreamThatNoNetworkBrings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := twoNetworks()
		defer n.Shutdown()
		first.dial, second.dial = hang, hang
		began := time.Now()
		_, err := n.DialTimeout(webSecond.String(), time.Second)
		if took := time.Since(began); err == nil || took != time.Second {
			t.Errorf("%v after %v, want an error after 1s", err, took)
		}
		if got := classify(errors.Join(errors.New("failed to join: "+err.Error()), err)); got != silent {
			t.Errorf("such a peer is taken for %d, want silent", got)
		}
	})
}

func TestShutdownSendsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, first, second := twoNetworks()
		mustWrite(t, n, "goodbye", toWeb2)
		began, ended := time.Now(), make(chan error)
		go func() { ended <- n.Shutdown() }()
		if p, _ := second.got(); p != "goodbye" {
			t.Errorf("the second network sent %q", p)
		}
		// The first one blocks; what it brings meanwhile is in nobody's way.
		first.packets <- &memberlist.Packet{From: net.UDPAddrFromAddrPort(webFirst)}
		here, there := net.Pipe()
		first.streams <- here
		if _, err := there.Write([]byte("x")); err == nil {
			t.Error("a stream that nobody serves is open")
		}
		if err := <-ended; err != nil || time.Since(began) != lingering {
			t.Errorf("closed with %v after %v", err, time.Since(began))
		}
		if err := n.Shutdown(); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestCommonBits(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"192.0.2.11", "192.0.2.12", 29}, {"192.0.2.11", "192.0.3.11", 23}, {"10.0.0.1", "192.0.2.11", 0},
		{"192.0.2.11", "192.0.2.11", 32}, {"2001:db8::1", "2001:db8::2", 126}, {"192.0.2.11", "2001:db8::1", -1},
	} {
		if got := commonBits(netip.MustParseAddr(tt.a), netip.MustParseAddr(tt.b)); got != tt.want {
			t.Errorf("%s and %s: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
