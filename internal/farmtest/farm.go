package farmtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// EchoPort is where StartEcho listens: a server for thousands of connections.
const EchoPort = 7

// convergePatience is how long a farm may take to agree on a busy machine: start of
// the process, joining, the protocol's wait and its first view.
const convergePatience = 20 * time.Second

// limit is how long a farm may live, unless Limit gives it more.
const limit = 3 * time.Minute

// VMAC is the VIP's shared Ethernet address.
func (f *Farm) VMAC() config.MAC { return f.VMACOf(lab.VIP()) }

// VMACOf is the Ethernet address of a VIP in the farm's mode.
func (f *Farm) VMACOf(vip netip.Addr) config.MAC {
	switch f.Options.Mode {
	case config.Multicast.String():
		return config.MulticastMAC(vip)
	case config.IGMP.String():
		return config.IGMPMAC(vip)
	case config.Directed.String():
		return f.Director(vip).MAC
	}
	return config.FloodMAC(vip)
}

// Director is the node that answers for a VIP, as a node says that runs. In mode
// directed all of the VIP's frames reach that one.
func (f *Farm) Director(vip netip.Addr) *lab.Node {
	f.T.Helper()
	for _, n := range f.Nodes {
		if !f.Running(n) {
			continue
		}
		s, err := f.Status(n)
		f.Must(err)
		for _, v := range s.VIPs {
			for _, director := range f.Nodes {
				if v.Address == vip && v.Responder == director.Name {
					return director
				}
			}
		}
	}
	f.T.Fatalf("no node answers for %v", vip)
	return nil
}

// Farm is a farm with a client. Its methods end the test T when something fails
// that the test does not judge; call them from the test's own goroutine. Where a
// farm serves several tests, Run gives each its own T.
type Farm struct {
	*lab.Lab
	T   testing.TB
	Ctx context.Context
	// Client is the first client, the one that owns lab.SYNRange.
	Client *lab.Host
	// Options are those of daemons started from now on.
	Options lab.FarmOptions
	// Daemons and Echoes are the processes last started on each node, by its name.
	Daemons, Echoes map[string]*lab.Process

	program string
	told    bool // what the daemons said has been logged
}

// New builds the machines, with one client unless c wants more; Start starts the
// daemons, of the program at that path. The test's end ends it all. A machine that
// cannot make labs skips the test.
func New(t *testing.T, program string, c lab.Config, o lab.FarmOptions) *Farm {
	t.Helper()
	return NewFor(t, program, limit, c, o)
}

// NewFor is New for a farm that may live longer, or less, than 3 min.
func NewFor(t *testing.T, program string, limit time.Duration, c lab.Config, o lab.FarmOptions) *Farm {
	t.Helper()
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	c.Clients = max(c.Clients, 1)
	l, err := lab.New(ctx, c)
	f := &Farm{
		Lab: l, T: t, Ctx: ctx, Options: o, program: program,
		Daemons: make(map[string]*lab.Process), Echoes: make(map[string]*lab.Process),
	}
	f.Must(err)
	f.Client = l.Clients[0]
	t.Cleanup(func() { f.T = t; f.close() })
	if f.Options.KeyFile == "" {
		f.Options.KeyFile = f.NewKey("key")
	}
	return f
}

func (f *Farm) close() {
	if f.T.Failed() && !f.told {
		f.tell()
	}
	f.Must(f.Close())
}

// tell logs what the daemons said.
func (f *Farm) tell() {
	f.told = true
	for name, p := range f.Daemons {
		f.T.Logf("the end of %s's log:\n%s", name, p.Tail(4000))
	}
}

// NewKey makes a key file of that name and returns its path.
func (f *Farm) NewKey(name string) string {
	f.T.Helper()
	keys, err := config.NewKeys(rand.Reader)
	f.Must(err)
	path := filepath.Join(f.Dir, name)
	f.Must(config.WriteKeys(path, keys))
	return path
}

// Must ends the test with the error, if there is one.
func (f *Farm) Must(err error) {
	f.T.Helper()
	if err != nil {
		f.T.Fatal(err)
	}
}

// Run is a subtest on this farm.
func (f *Farm) Run(name string, test func(*Farm)) bool {
	t, ok := f.T.(*testing.T)
	if !ok {
		f.T.Fatal("only a test has subtests")
	}
	defer func() { f.T = t }()
	return t.Run(name, func(t *testing.T) {
		f.T = t
		defer func() {
			if t.Failed() {
				f.tell()
			}
		}()
		test(f)
	})
}

// Start starts the daemons of these nodes.
func (f *Farm) Start(nodes ...*lab.Node) {
	f.T.Helper()
	for _, n := range nodes {
		yaml, err := n.NodeConfig(f.Options)
		f.Must(err)
		f.StartWith(n, yaml)
	}
}

// StartWith starts the daemon of a node with that configuration.
func (f *Farm) StartWith(n *lab.Node, yaml string) {
	f.T.Helper()
	p, err := n.StartDaemon(f.program, yaml)
	f.Must(err)
	f.Daemons[n.Name] = p
}

// StartEcho starts an echo server, a process of its own, on each of these nodes.
func (f *Farm) StartEcho(nodes ...*lab.Node) {
	f.T.Helper()
	for _, n := range nodes {
		p, err := n.StartEchoProcess(fmt.Sprintf(":%d", EchoPort))
		f.Must(err)
		f.Echoes[n.Name] = p
	}
}

// StartAll starts every daemon and waits until the farm serves.
func (f *Farm) StartAll() {
	f.T.Helper()
	f.Start(f.Nodes...)
	f.Converge(f.Nodes...)
}

// Kill ends the daemon of a node by SIGKILL, and waits until it has ended.
func (f *Farm) Kill(n *lab.Node) {
	f.T.Helper()
	f.Must(f.Daemons[n.Name].Kill())
	<-f.Daemons[n.Name].Done()
}

// Running tells whether the daemon of a node runs.
func (f *Farm) Running(n *lab.Node) bool {
	p := f.Daemons[n.Name]
	if p == nil {
		return false
	}
	select {
	case <-p.Done():
		return false
	default:
		return true
	}
}

// Others are all nodes but those.
func (f *Farm) Others(but ...*lab.Node) []*lab.Node {
	var all []*lab.Node
	for _, n := range f.Nodes {
		out := false
		for _, b := range but {
			out = out || b == n
		}
		if !out {
			all = append(all, n)
		}
	}
	return all
}

// Hosts are the nodes' machines.
func Hosts(nodes ...*lab.Node) []*lab.Host {
	all := make([]*lab.Host, len(nodes))
	for i, n := range nodes {
		all[i] = n.Host
	}
	return all
}

// Converge waits until exactly these nodes share the first rule's buckets, in the
// eyes of each, and let flows into every one of them.
func (f *Farm) Converge(nodes ...*lab.Node) {
	f.T.Helper()
	var seen string
	f.eventually(convergePatience, func() bool {
		ok := false
		ok, seen = f.agreed(nodes)
		return ok
	}, func() string { return fmt.Sprintf("%d nodes share the farm: %s", len(nodes), seen) })
}

// agreed is one look of Converge, with what it saw.
func (f *Farm) agreed(nodes []*lab.Node) (ok bool, seen string) {
	ok = true
	mine, of := 0, 0
	for _, n := range nodes {
		s, err := f.Status(n)
		if err != nil {
			return false, err.Error()
		}
		if s.State != console.Up || Sharing(s) != len(nodes) || s.Rules[0].Mine == 0 {
			ok = false
		}
		if len(s.Rules) > 0 {
			mine, of = mine+s.Rules[0].Mine, s.Rules[0].Buckets
		}
		seen += fmt.Sprintf("%s %s view %v of %d; ", n.Name, s.State, s.View, Sharing(s))
	}
	return ok && mine == of, seen + fmt.Sprintf("%d of %d buckets", mine, of)
}

// Settle waits until no bucket is unsettled on any of these nodes.
func (f *Farm) Settle(nodes ...*lab.Node) {
	f.T.Helper()
	f.Eventually(convergePatience, "all buckets are settled", func() bool {
		for _, n := range nodes {
			if s, err := f.Status(n); err != nil || !s.Settled {
				return false
			}
		}
		return true
	})
}

// Sharing is how many nodes have a share of the first rule.
func Sharing(s console.Status) (n int) {
	for _, node := range s.Nodes {
		if len(s.Rules) > 0 && node.Shares[s.Rules[0].Name] > 0 {
			n++
		}
	}
	return n
}

// Status asks a node's daemon.
func (f *Farm) Status(n *lab.Node) (console.Status, error) {
	c, err := console.NewClient("unix://" + n.Socket())
	if err != nil {
		return console.Status{}, err
	}
	defer c.Close()
	return c.Status(f.Ctx)
}

// Thresher runs a command of the program against a node's daemon.
func (f *Farm) Thresher(n *lab.Node, args ...string) string {
	f.T.Helper()
	out, err := n.CLI(f.Ctx, f.program, args...)
	if err != nil {
		f.T.Fatalf("thresher %v on %s: %v\n%s", args, n.Name, err, out)
	}
	return string(out)
}

// Eventually waits until what holds.
func (f *Farm) Eventually(patience time.Duration, what string, holds func() bool) {
	f.T.Helper()
	f.eventually(patience, holds, func() string { return what })
}

func (f *Farm) eventually(patience time.Duration, holds func() bool, what func() string) {
	f.T.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.T.Fatalf("not within %v: %s", patience, what())
		}
	}
}

// Pass lets time pass for the clients.
func (f *Farm) Pass(d time.Duration) {
	f.T.Helper()
	select {
	case <-time.After(d):
	case <-f.Ctx.Done():
		f.T.Fatal("the farm has lived for too long")
	}
}

// Capture watches the client's end of the wire. The caller closes it.
func (f *Farm) Capture() *lab.Capture {
	f.T.Helper()
	c, err := f.Client.Capture()
	f.Must(err)
	return c
}

// Watch watches the client's handshakes until the lab or the caller closes it.
func (f *Farm) Watch() *lab.Handshakes {
	f.T.Helper()
	w, err := f.Client.WatchHandshakes()
	f.Must(err)
	f.T.Cleanup(func() { _ = w.Close() }) // Whether it missed anything is asked by Check.
	return w
}

// Echo is the VIP's echo server.
func Echo() netip.AddrPort { return netip.AddrPortFrom(lab.VIP(), EchoPort) }

// OnePerSYN checks that each of n SYNs was answered, and none by two nodes.
func OnePerSYN(t testing.TB, c *lab.Capture, n int) {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Duplicates() {
		t.Errorf("answered by %v: %v", d.Sources, d.Flow)
	}
	if got := len(c.Answers(lab.SYNACK)); got != n {
		t.Errorf("%d of %d SYNs answered", got, n)
	}
}
