package cluster

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// closedPort returns an address where nothing listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.20:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// mutePort returns an address that takes connections and never says a word, as
// a hung machine does.
func mutePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.20:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return netip.MustParseAddrPort(l.Addr().String())
}

// TestJoinAlone checks that a node whose peers don't answer serves alone, after
// the timeout and not before, and says so; and one without peers at once, where there
// is nothing to warn of.
func TestJoinAlone(t *testing.T) {
	for _, tc := range []struct {
		name  string
		peers []netip.AddrPort
		waits bool
	}{
		{"no peers", nil, false},
		{"closed port", []netip.AddrPort{closedPort(t)}, true},
		{"hung peer", []netip.AddrPort{mutePort(t)}, true},
		{"both", []netip.AddrPort{closedPort(t), mutePort(t)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := startNode(t, "a", "127.0.0.21", func(c *Config) { c.Join = tc.peers })
			if !tc.waits {
				a.tuning.joinTimeout = 20 * time.Second
			}
			begin := time.Now()
			mustJoin(t, a)
			if waited := time.Since(begin) >= a.tuning.joinTimeout; waited != tc.waits {
				t.Errorf("returned after %v with a timeout of %v", time.Since(begin), a.tuning.joinTimeout)
			}
			if says := strings.Contains(a.log.String(), "is alone in its farm"); says != tc.waits {
				t.Errorf("the log says that it is alone: %v", says)
			}
		})
	}
}

// TestJoinSkipsItself checks that a node's own address among the peers is no
// farm that was found.
func TestJoinSkipsItself(t *testing.T) {
	port := closedPort(t)
	a := startNode(t, "a", "127.0.0.20", func(c *Config) {
		c.Bind = port
		c.Join = []netip.AddrPort{port, netip.AddrPortFrom(netip.AddrFrom16(port.Addr().As16()), port.Port())}
	})
	if len(a.peers) != 0 {
		t.Errorf("peers %v, want none", a.peers)
	}
}

// TestJoinFindsOneOfMany checks that one live peer is enough, however many dead
// ones are asked with it.
func TestJoinFindsOneOfMany(t *testing.T) {
	a := startNode(t, "a", "127.0.0.22", nil)
	b := startNode(t, "b", "127.0.0.23", func(c *Config) {
		c.Join = []netip.AddrPort{closedPort(t), mutePort(t), a.Address()}
	})
	b.tuning.joinTimeout = 20 * time.Second
	mustJoin(t, b)
	if strings.Contains(b.log.String(), "is alone in its farm") {
		t.Error("did not find the one")
	}
	b.await(t, "two members", alive("a", "b"))
}

func TestJoinEndsWithContext(t *testing.T) {
	a := startNode(t, "a", "127.0.0.24", func(c *Config) { c.Join = []netip.AddrPort{mutePort(t)} })
	a.tuning.joinTimeout = 20 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := a.Join(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("join: %v", err)
	}
}

// TestShutdownEndsJoin checks that a join in progress ends with the cluster.
func TestShutdownEndsJoin(t *testing.T) {
	a := startNode(t, "a", "127.0.0.25", func(c *Config) { c.Join = []netip.AddrPort{mutePort(t)} })
	a.tuning.joinTimeout = 20 * time.Second
	ended := make(chan error, 1)
	go func() { ended <- a.Join(context.Background()) }()
	if err := a.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("join: %v, want ErrClosed", err)
	}
}

// TestNameTaken starts a second machine with the name of a live one. It must not
// get in, by whichever member it comes, and everybody must hear of it.
func TestNameTaken(t *testing.T) {
	a := startNode(t, "twin", "127.0.0.26", nil)
	b := startNode(t, "b", "127.0.0.27", joinTo(a))
	mustJoin(t, a, b)
	a.await(t, "two members", alive("b", "twin"))
	for _, through := range []*node{a, b} {
		second := startNode(t, "twin", "127.0.0.28", joinTo(through))
		err := mustFailToJoin(t, second)
		if !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), a.Address().String()) {
			t.Errorf("join through %s: %v, want ErrNameTaken with %s", through.delegate.self, err, a.Address())
		}
		if !alive("twin")(second.Members()) {
			t.Errorf("the second twin took members over: %v", second.Members())
		}
		for _, n := range []*node{through, second} {
			// The one that is asked answers before it looks at who has asked.
			tells := func() bool {
				log := n.log.String()
				return strings.Contains(log, "two machines have the name") &&
					strings.Contains(log, second.Address().String()) && strings.Contains(log, a.Address().String())
			}
			for deadline := time.Now().Add(5 * time.Second); !tells() && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			if !tells() {
				t.Errorf("%s does not tell of both twins", n.delegate.self)
			}
		}
	}
	if got := find(b.Members(), "twin").Address; got != a.Address() {
		t.Errorf("b has twin at %s, want %s", got, a.Address())
	}
}

// TestAddressChange checks that a machine that died may come back with another
// address: its name is free as soon as the farm has noticed, within Join's
// patience.
func TestAddressChange(t *testing.T) {
	a := startMortal(t, "a", "127.0.0.29", nil)
	b := startMortal(t, "b", "127.0.0.30", joinTo(a))
	mustJoin(t, a, b)
	a.await(t, "two members", alive("a", "b"))
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	moved := startMortal(t, "b", "127.0.0.31", joinTo(a))
	moved.tuning.joinTimeout = 20 * time.Second
	mustJoin(t, moved)
	a.await(t, "b at its new address", func(m []Member) bool {
		return alive("a", "b")(m) && find(m, "b").Address == moved.Address()
	})
}

func TestVerdict(t *testing.T) {
	peer := netip.MustParseAddrPort("192.0.2.1:7946")
	of := func(answers ...answer) (list []outcome) {
		for _, a := range answers {
			list = append(list, outcome{peer, a, errors.New("said so")})
		}
		return list
	}
	for _, tc := range []struct {
		name     string
		outcomes []outcome
		want     error
	}{
		{"nobody asked", nil, nil},
		{"all silent", of(silent, silent), nil},
		{"one joined", of(silent, refused, joined), nil},
		{"one refuses", of(silent, refused), ErrRefused},
		{"name taken", of(taken, silent), ErrNameTaken},
	} {
		if diff := cmp.Diff(tc.want, verdict(tc.outcomes), cmpopts.EquateErrors()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestSaid holds what a person reads to one line.
func TestSaid(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"1 error occurred:\n\t* failed to join 192.0.2.11:7946: no installed keys could decrypt the message\n\n", "no installed keys could decrypt the message"},
		{"1 error occurred:\n\t* failed to join 192.0.2.11: remote error: it's\n taken\n\n", "remote error: it's taken"},
		{"EOF", "EOF"},
	} {
		if got := said(errors.New(tt.text)); got != tt.want {
			t.Errorf("said(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
