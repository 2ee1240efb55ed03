package farm_test

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
	"thresher/internal/programtest"
	"thresher/perf/lab"
)

// The tests of this package run the real program on farms of network
// namespaces, with real servers and clients. What happened is judged at the
// client's end of the wire, never by what the nodes say of themselves.

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	lab.BeEchoProcess()
	leftout.Exit(programtest.Run(m, &binary))
}

// vmac is the VIP's shared Ethernet address: 5a:fe and the address.
var vmac = func() config.MAC {
	a := lab.VIP().As4()
	return config.MAC{0x5a, 0xfe, a[0], a[1], a[2], a[3]}
}()

// testFarm is a farm with a client, and the record of what its switch learnt.
type testFarm struct {
	*lab.Lab
	t       *testing.T
	ctx     context.Context
	client  *lab.Host
	keyFile string
	options lab.FarmOptions
	daemons map[string]*lab.Process
}

// newFarm builds the machines; start starts the daemons.
func newFarm(t *testing.T, c lab.Config, o lab.FarmOptions) *testFarm {
	t.Helper()
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	c.Clients = 1
	l, err := lab.New(ctx, c)
	must(t, err)
	f := &testFarm{Lab: l, t: t, ctx: ctx, client: l.Clients[0], options: o, daemons: make(map[string]*lab.Process)}
	t.Cleanup(f.close)
	f.keyFile = filepath.Join(l.Dir, "key")
	keys, err := config.NewKeys(rand.Reader)
	must(t, err)
	must(t, config.WriteKeys(f.keyFile, keys))
	return f
}

func (f *testFarm) close() {
	if f.t.Failed() {
		for name, p := range f.daemons {
			f.t.Logf("the end of %s's log:\n%s", name, p.Tail(4000))
		}
	}
	must(f.t, f.Close())
}

// start starts the daemons of these nodes.
func (f *testFarm) start(nodes ...*lab.Node) {
	f.t.Helper()
	for _, n := range nodes {
		o := f.options
		if o.KeyFile == "" {
			o.KeyFile = f.keyFile
		}
		yaml, err := n.NodeConfig(o)
		must(f.t, err)
		p, err := n.StartDaemon(binary, yaml)
		must(f.t, err)
		f.daemons[n.Name] = p
	}
}

// startAll starts every daemon and waits until the farm serves.
func (f *testFarm) startAll() {
	f.t.Helper()
	f.start(f.Nodes...)
	f.converge(f.Nodes...)
}

// converge waits until exactly these nodes share the buckets, in the eyes of each.
func (f *testFarm) converge(nodes ...*lab.Node) {
	f.t.Helper()
	f.eventually(20*time.Second, fmt.Sprintf("%d nodes share the farm", len(nodes)), func() bool {
		for _, n := range nodes {
			s, err := f.status(n)
			if err != nil || s.State != console.Up || sharing(s) != len(nodes) || s.Rules[0].Mine == 0 {
				return false
			}
		}
		return true
	})
}

func sharing(s console.Status) (n int) {
	for _, node := range s.Nodes {
		if len(s.Rules) > 0 && node.Shares[s.Rules[0].Name] > 0 {
			n++
		}
	}
	return n
}

func (f *testFarm) status(n *lab.Node) (console.Status, error) {
	c, err := console.NewClient("unix://" + n.Socket())
	if err != nil {
		return console.Status{}, err
	}
	defer c.Close()
	return c.Status(f.ctx)
}

// thresher runs a command of the program against a node's daemon.
func (f *testFarm) thresher(n *lab.Node, args ...string) string {
	f.t.Helper()
	out, err := n.CLI(f.ctx, binary, args...)
	if err != nil {
		f.t.Fatalf("thresher %v on %s: %v\n%s", args, n.Name, err, out)
	}
	return string(out)
}

// eventually waits until what holds.
func (f *testFarm) eventually(patience time.Duration, what string, holds func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// capture watches the client's end of the wire until the test ends.
func (f *testFarm) capture() *lab.Capture {
	f.t.Helper()
	c, err := f.client.Capture()
	must(f.t, err)
	return c
}

// onePerSYN checks that each of n SYNs was answered, and none by two nodes.
func onePerSYN(t *testing.T, c *lab.Capture, n int) {
	t.Helper()
	must(t, c.Check())
	for _, d := range c.Duplicates() {
		t.Errorf("answered by %v: %v", d.Sources, d.Flow)
	}
	if got := len(c.Answers(lab.SYNACK)); got != n {
		t.Errorf("%d of %d SYNs answered", got, n)
	}
}

// synsTo80 are connection attempts to the VIP's web server.
func synsTo80(from []netip.AddrPort, rate int) lab.SYNs {
	return lab.SYNs{To: netip.AddrPortFrom(lab.VIP(), 80), MAC: vmac, From: from, Rate: rate}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
