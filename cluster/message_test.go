package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sys/unix"
)

// receive returns the next message of a node.
func (n *node) receive(t *testing.T) Message {
	t.Helper()
	select {
	case m := <-n.Messages():
		return m
	case <-time.After(5 * time.Second):
		t.Fatalf("%s got no message: %+v", n.delegate.self, n.MessageCounts())
		return Message{}
	}
}

// awaitCounts waits until a node's counts are as wanted. It polls: nothing rings
// when a message is given up.
func (n *node) awaitCounts(t *testing.T, what string, want func(MessageCounts) bool) {
	t.Helper()
	for end := time.Now().Add(8 * time.Second); !want(n.MessageCounts()); {
		if time.Now().After(end) {
			t.Fatalf("%s: %s: %+v", n.delegate.self, what, n.MessageCounts())
		}
		time.Sleep(time.Millisecond)
	}
}

// friends returns two nodes that know each other.
func friends(t *testing.T, ipA, ipB string) (a, b *node) {
	t.Helper()
	a = startNode(t, "a", ipA, nil)
	b = startNode(t, "b", ipB, joinTo(a))
	mustJoin(t, a, b)
	a.await(t, "two members", alive("a", "b"))
	b.await(t, "two members", alive("a", "b"))
	return a, b
}

func TestMessages(t *testing.T) {
	a, b := friends(t, "127.0.0.40", "127.0.0.41")
	large := bytes.Repeat([]byte("0123456789abcdef"), MaxMessage/16)
	for _, payload := range [][]byte{nil, []byte("one"), large} {
		if err := a.Send("b", 7, payload); err != nil {
			t.Fatal(err)
		}
		if got := b.receive(t); got.Kind != 7 || !bytes.Equal(got.Payload, payload) {
			t.Errorf("kind %d with %d bytes, want 7 with %d", got.Kind, len(got.Payload), len(payload))
		}
	}
	small := bytes.Repeat([]byte{1}, MaxBestEffort)
	if err := b.SendBestEffort("a", 8, small); err != nil {
		t.Fatal(err)
	}
	if got := a.receive(t); got.Kind != 8 || !bytes.Equal(got.Payload, small) {
		t.Errorf("kind %d with %d bytes, want 8 with %d", got.Kind, len(got.Payload), len(small))
	}
	a.awaitCounts(t, "three sent", func(c MessageCounts) bool { return c == MessageCounts{Sent: 3, Received: 1} })
	b.awaitCounts(t, "three received", func(c MessageCounts) bool { return c == MessageCounts{Sent: 1, Received: 3} })
}

// All of a burst arrive, in whatever order, and the caller may use his buffer
// again.
func TestBurstOfMessages(t *testing.T) {
	a, b := friends(t, "127.0.0.42", "127.0.0.43")
	buf := make([]byte, 1)
	for i := range outboxLen {
		buf[0] = byte(i)
		if err := a.Send("b", 1, buf); err != nil {
			t.Fatal(err)
		}
	}
	came := make(map[byte]bool)
	for range outboxLen {
		came[b.receive(t).Payload[0]] = true
	}
	if len(came) != outboxLen {
		t.Errorf("%d different messages came, want %d", len(came), outboxLen)
	}
}

func TestSendRefuses(t *testing.T) {
	a, b := friends(t, "127.0.0.44", "127.0.0.45")
	for name, err := range map[string]error{
		"unknown":              a.Send("c", 1, nil),
		"unknown, best effort": a.SendBestEffort("c", 1, nil),
	} {
		if !errors.Is(err, ErrUnknownMember) {
			t.Errorf("%s: %v, want ErrUnknownMember", name, err)
		}
	}
	if a.Send("b", 1, make([]byte, MaxMessage+1)) == nil || a.SendBestEffort("b", 1, make([]byte, MaxBestEffort+1)) == nil {
		t.Error("too long messages were taken")
	}
	if err := a.Shutdown(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Send": a.Send("b", 1, nil), "SendBestEffort": a.SendBestEffort("b", 1, nil),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Shutdown: %v, want ErrClosed", name, err)
		}
	}
	if got := b.MessageCounts().Received; got != 0 {
		t.Errorf("%d messages received", got)
	}
}

// What can't be delivered is dropped and counted, and never holds the caller up.
func TestUnreachableReceiver(t *testing.T) {
	a, _ := friends(t, "127.0.0.46", "127.0.0.47")
	a.cut.Store(true)
	if err := a.Send("b", 1, nil); err != nil {
		t.Fatal(err)
	}
	a.awaitCounts(t, "one failed", func(c MessageCounts) bool { return c.Failed == 1 })
	a.cut.Store(false)
}

// A member whose process is stopped takes a connection or two and then none. Its
// queue fills, and neither the caller nor Shutdown hangs.
func TestStoppedReceiver(t *testing.T) {
	a := startNode(t, "a", "127.0.0.48", nil)
	at := stoppedListener(t)
	a.delegate.NotifyJoin(&memberlist.Node{
		Name: "stopped", Addr: at.Addr().AsSlice(), Port: at.Port(), Meta: a.delegate.NodeMeta(512),
	})
	var full error
	for range outboxLen + 5 {
		if err := a.Send("stopped", 1, []byte("hello")); err != nil {
			full = err
		} else {
			// The backlog takes some: let them go, so that the queue is what fills.
			a.awaitCounts(t, "first ones", func(c MessageCounts) bool { return c.Sent >= 1 })
		}
	}
	if !errors.Is(full, ErrQueueFull) || a.MessageCounts().Overflowed == 0 {
		t.Errorf("queue of a stopped member: %v, %+v; want ErrQueueFull", full, a.MessageCounts())
	}
	begin := time.Now()
	if err := a.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("Shutdown took %v", took)
	}
}

// stoppedListener listens with the shortest backlog, and never accepts.
func stoppedListener(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 49}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 49}), uint16(sa.(*unix.SockaddrInet4).Port))
}

// dialed is a transport that notes how it is asked to dial.
type dialed struct {
	memberlist.NodeAwareTransport
	to      memberlist.Address
	timeout time.Duration
	conn    net.Conn
}

func (d *dialed) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	d.to, d.timeout = a, timeout
	return d.conn, nil
}

// deadlined is a connection that notes its deadline.
type deadlined struct {
	net.Conn
	deadline time.Time
}

func (d *deadlined) SetDeadline(at time.Time) error { d.deadline = at; return nil }

// Messages have a deadline, what memberlist dials itself is as it was.
func TestMessageTransport(t *testing.T) {
	for _, tt := range []struct {
		name, dial string
		timeout    time.Duration
		deadline   bool
	}{
		{"message", messagePrefix + "b", sendTimeout, true},
		{"join", "b", time.Minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := new(deadlined)
			d := &dialed{conn: conn}
			got, err := messageTransport{d}.DialAddressTimeout(memberlist.Address{Addr: "x:1", Name: tt.dial}, time.Minute)
			if err != nil || got != net.Conn(conn) {
				t.Fatalf("got %v, %v", got, err)
			}
			if d.to != (memberlist.Address{Addr: "x:1", Name: "b"}) || d.timeout != tt.timeout {
				t.Errorf("dialed %+v with %v, want b with %v", d.to, d.timeout, tt.timeout)
			}
			if left := time.Until(conn.deadline); tt.deadline != (left > 0 && left <= sendTimeout) {
				t.Errorf("deadline in %v", left)
			}
		})
	}
}

// Nobody reads: memberlist is not held up, and the surplus is counted.
func TestFullInbox(t *testing.T) {
	d := newDelegate("a", nil, newLogAdapter(loggerOr(nil)))
	b := []byte{3, 1}
	for range inboxLen + 5 {
		d.NotifyMsg(b)
	}
	b[1] = 9 // memberlist uses its buffer again
	d.NotifyMsg(nil)
	if d.received.Load() != inboxLen || d.dropped.Load() != 6 {
		t.Errorf("%d received, %d dropped, want %d and 6", d.received.Load(), d.dropped.Load(), inboxLen)
	}
	if got := <-d.inbox; fmt.Sprint(got) != fmt.Sprint(Message{3, []byte{1}}) {
		t.Errorf("got %v", got)
	}
}

// An address in use is told as such, now that the sockets are opened here.
func TestAddressInUse(t *testing.T) {
	a := startNode(t, "a", "127.0.0.50", nil)
	c := Config{Name: "b", Bind: a.Address(), Profile: 1, Meta: Meta{Phase: Starting}}
	if b, err := Start(c); err == nil {
		b.Shutdown()
		t.Fatalf("two nodes on %s", a.Address())
	}
	// A free port is the kernel's choice, and told to the others.
	c.Bind = netip.MustParseAddrPort("127.0.0.51:0")
	b, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	if b.Address().Port() == 0 {
		t.Errorf("address %v", b.Address())
	}
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
}
