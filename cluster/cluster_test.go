package cluster

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"thresher/config"
)

func TestStartRefuses(t *testing.T) {
	good := Config{
		Name: "a", Bind: netip.MustParseAddrPort("127.0.0.1:0"), Profile: config.Fast, Meta: Meta{Phase: Starting},
	}
	for _, tc := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"no name", "no name", func(c *Config) { c.Name = "" }},
		{"any address", "0.0.0.0", func(c *Config) { c.Bind = netip.MustParseAddrPort("0.0.0.0:7946") }},
		{"no address", "cannot gossip", func(c *Config) { c.Bind = netip.AddrPort{} }},
		{"foreign address", "192.0.2.1", func(c *Config) { c.Bind = netip.MustParseAddrPort("192.0.2.1:7946") }},
		{"short key", "16 bytes", func(c *Config) { c.Key = make([]byte, 16) }},
		{"empty key", "0 bytes", func(c *Config) { c.Key = []byte{} }},
		{"long label", "256 bytes", func(c *Config) { c.Label = strings.Repeat("x", 256) }},
		{"no profile", "profile 0", func(c *Config) { c.Profile = 0 }},
		{"no phase", "phase 0", func(c *Config) { c.Meta = Meta{} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := good
			tc.change(&c)
			cl, err := Start(c)
			if err == nil {
				cl.Shutdown()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not tell %q", err, tc.want)
			}
		})
	}
}

// TestFarm takes three nodes through joining, changes, a crash and a leave.
func TestFarm(t *testing.T) {
	a := startMortal(t, "a", "127.0.0.11", nil)
	b := startMortal(t, "b", "127.0.0.12", joinTo(a))
	c := startMortal(t, "c", "127.0.0.13", joinTo(a))
	mustJoin(t, a, b, c)
	for _, n := range []*node{a, b, c} {
		n.await(t, "three members", alive("a", "b", "c"))
	}

	up := Meta{Phase: Up, MAC: config.MAC{2, 0, 0, 0, 0, 1}, Digest: 42, Weights: []uint8{50, 0}}
	if err := b.SetMeta(up); err != nil {
		t.Fatal(err)
	}
	same := func(m []Member) bool { return reflect.DeepEqual(find(m, "b").Meta, up) }
	for _, n := range []*node{a, b, c} {
		n.await(t, "b's new metadata", same)
	}
	if got := find(a.Members(), "b").Address; got != b.Address() {
		t.Errorf("a has b at %s, want %s", got, b.Address())
	}

	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	a.await(t, "b crashed", alive("a", "c"))
	if m := find(a.Members(), "b"); m.Meta.Phase != Up {
		t.Errorf("crashed node is listed as %+v, want phase up and not alive", m)
	}

	crashed := len(a.log.String())
	up.Phase = Leaving
	if err := c.SetMeta(up); err != nil {
		t.Fatal(err)
	}
	if err := c.Leave(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	a.await(t, "c left", alive("a"))
	// Whoever gives b up first tells the other. On a busy machine a may have missed c, too,
	// before it was to leave.
	if log := a.log.String(); !strings.Contains(log+c.log.String(), "Marking b as failed") || strings.Contains(log[crashed:], "Marking c as failed") {
		t.Error("want b missed by suspicion and c not missed at all")
	}
	if m := find(a.Members(), "c"); m.Meta.Phase != Leaving {
		t.Errorf("left node is listed as %+v, want phase leaving", m)
	}
	if n := a.RefusedMessages() + b.RefusedMessages() + c.RefusedMessages(); n != 0 {
		t.Errorf("%d messages refused among friends", n)
	}
}

// Two that leave at once hear of one another before each is done telling, and then have
// nobody left to tell.
func TestAllLeaveAtOnce(t *testing.T) {
	a := startNode(t, "a", "127.0.0.15", nil)
	b := startNode(t, "b", "127.0.0.16", joinTo(a))
	mustJoin(t, a, b)
	a.await(t, "b", alive("a", "b"))
	left := make(chan error, 2)
	for _, n := range []*node{a, b} {
		go func() { left <- n.Leave(10 * time.Second) }()
	}
	if err := errors.Join(<-left, <-left); err != nil {
		t.Error(err)
	}
}

// TestAfterShutdown checks every method after the end, twice where that may be.
func TestAfterShutdown(t *testing.T) {
	a := startNode(t, "a", "127.0.0.14", nil)
	for range 2 {
		if err := a.Shutdown(); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range map[string]error{
		"Join":    a.Join(t.Context()),
		"Leave":   a.Leave(time.Second),
		"SetMeta": a.SetMeta(Meta{Phase: Up}),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Shutdown: %v, want ErrClosed", name, err)
		}
	}
	if got := len(a.Members()); got != 1 || a.HealthScore() != 0 {
		t.Errorf("%d members, health score %d", got, a.HealthScore())
	}
}

// TestStrangers checks that nodes with another key, without one, or with another
// label are refused and counted, know that they are, and disturb nobody.
func TestStrangers(t *testing.T) {
	a := startNode(t, "a", "127.0.0.15", nil)
	b := startNode(t, "b", "127.0.0.16", joinTo(a))
	mustJoin(t, a, b)
	b.await(t, "two members", alive("a", "b"))
	a.await(t, "two members", alive("a", "b"))
	for _, tc := range []struct {
		name   string
		change func(*Config)
	}{
		{"other key", func(c *Config) { c.Key = bytes.Repeat([]byte{8}, 32) }},
		{"no key", func(c *Config) { c.Key = nil }},
		{"other label", func(c *Config) { c.Label = "other" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := a.RefusedMessages()
			s := startNode(t, "stranger", "127.0.0.17", func(c *Config) { joinTo(a)(c); tc.change(c) })
			if err := mustFailToJoin(t, s); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), a.Address().String()) {
				t.Errorf("join: %v, want ErrRefused with %s", err, a.Address())
			}
			if a.RefusedMessages() == before {
				t.Error("nothing was counted")
			}
			if !alive("a", "b")(a.Members()) || !alive("a", "b")(b.Members()) || !alive("stranger")(s.Members()) {
				t.Errorf("members: %v, %v, %v", a.Members(), b.Members(), s.Members())
			}
		})
	}
	// Each stranger tried many times; each way of being refused is logged once.
	for _, once := range []string{"could decrypt the message", "is not encrypted", "unacceptable label"} {
		if n := strings.Count(a.log.String(), once); n != 1 {
			t.Errorf("%q is in the log %d times, want once", once, n)
		}
	}
}

// TestInsecureRefusesEncrypted checks the other way round: a farm without a key
// counts what comes encrypted.
func TestInsecureRefusesEncrypted(t *testing.T) {
	a := startNode(t, "a", "127.0.0.18", func(c *Config) { c.Key = nil })
	s := startNode(t, "s", "127.0.0.19", joinTo(a))
	if err := mustFailToJoin(t, s); !errors.Is(err, ErrRefused) {
		t.Errorf("join: %v, want ErrRefused", err)
	}
	if a.RefusedMessages() == 0 {
		t.Error("nothing was counted")
	}
}
