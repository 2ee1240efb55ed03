package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"thresher/config"
)

// node is one cluster of a test, with what it logged.
type node struct {
	*Cluster
	log *logBuffer
	cut *atomic.Bool // true: nothing leaves this node
	// down are the node's networks by which nothing leaves it while it is true.
	down [config.MaxNetworks]atomic.Bool
}

// logBuffer is a bytes.Buffer for several goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// steady gossips quickly, for tests on loopback, and is slow to take anybody for
// dead: a busy machine can stall a test for a second, and nobody is to die of
// that where death is not the subject.
func steady(c *memberlist.Config) {
	c.GossipInterval = 10 * time.Millisecond
	c.GossipToTheDeadTime = 100 * time.Millisecond
	c.TCPTimeout = 300 * time.Millisecond
	c.SuspicionMult = 20
}

// mortal is steady, but misses a node within half a second.
func mortal(c *memberlist.Config) {
	steady(c)
	c.ProbeInterval, c.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	c.SuspicionMult = 3
}

// startNode starts a node on a loopback address of its own, with a port that the
// kernel chooses, and shuts it down with the test.
func startNode(t *testing.T, name, ip string, change func(*Config)) *node {
	t.Helper()
	return startTimed(t, name, ip, steady, change)
}

func startMortal(t *testing.T, name, ip string, change func(*Config)) *node {
	t.Helper()
	return startTimed(t, name, ip, mortal, change)
}

func startTimed(t *testing.T, name, ip string, times func(*memberlist.Config), change func(*Config)) *node {
	t.Helper()
	n := &node{log: new(logBuffer), cut: new(atomic.Bool)}
	c := Config{
		Name:    name,
		Bind:    netip.AddrPortFrom(netip.MustParseAddr(ip), 0),
		Key:     bytes.Repeat([]byte{7}, 32),
		Label:   "test",
		Profile: config.Fast,
		Meta:    Meta{Phase: Starting, Weights: []uint8{100}},
		Logger:  slog.New(slog.NewTextHandler(n.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	tune := tuning{
		joinTimeout: 500 * time.Millisecond, retry: 20 * time.Millisecond, rejoin: 100 * time.Millisecond,
		memberlist: times,
		network: func(i int, s *sockets) memberlist.NodeAwareTransport {
			return &cutTransport{s, n.cut, &n.down[i]}
		},
	}
	var err error
	if n.Cluster, err = start(c, tune); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Shutdown(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, n.log)
		}
	})
	return n
}

// cutTransport is a network's transport with switches that stop all sending,
// so that a test can part a network.
type cutTransport struct {
	*sockets
	all, this *atomic.Bool
}

var errCut = errors.New("dial tcp: the test cut the network")

func (c *cutTransport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if c.all.Load() || c.this.Load() {
		return time.Now(), nil // packets are lost silently
	}
	return c.sockets.WriteToAddress(b, a)
}

func (c *cutTransport) DialAddressTimeout(a memberlist.Address, d time.Duration) (net.Conn, error) {
	if c.all.Load() || c.this.Load() {
		return nil, fmt.Errorf("to %s: %w", a.Addr, errCut)
	}
	return c.sockets.DialAddressTimeout(a, d)
}

// joinTo makes a Config change that joins other nodes.
func joinTo(others ...*node) func(*Config) {
	return func(c *Config) {
		for _, o := range others {
			c.Join = append(c.Join, o.Address())
		}
	}
}

func mustJoin(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Join(t.Context()); err != nil {
			t.Fatalf("join: %v", err)
		}
	}
}

// mustFailToJoin returns the error that Join must end with. A starved machine can
// make a peer look silent, and Join may be called again.
func mustFailToJoin(t *testing.T, n *node) error {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 40*time.Second; {
		if err := n.Join(t.Context()); err != nil {
			return err
		}
	}
	t.Fatalf("%s joined, or found nobody: %v", n.delegate.self, n.Members())
	return nil
}

// await waits for the node's members to be as wanted, waking up only when the
// bell rings.
func (n *node) await(t *testing.T, what string, want func([]Member) bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for !want(n.Members()) {
		select {
		case <-n.Changed():
		case <-limit:
			t.Fatalf("%s: %s; members %+v", n.delegate.self, what, n.Members())
		}
	}
}

// alive returns the test that exactly the named members are alive.
func alive(names ...string) func([]Member) bool {
	return func(members []Member) bool {
		var live []string
		for _, m := range members {
			if m.Alive {
				live = append(live, m.Name)
			}
		}
		return fmt.Sprint(live) == fmt.Sprint(names)
	}
}

func find(members []Member, name string) Member {
	for _, m := range members {
		if m.Name == name {
			return m
		}
	}
	return Member{}
}
