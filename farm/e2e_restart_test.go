package farm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// echoPort is where established connections go; new ones go to port 80.
const echoPort = 7000

// restartFarm is a farm of three whose nodes echo and take new connections.
func restartFarm(t *testing.T, o lab.FarmOptions) *testFarm {
	o.TCPPorts, o.Affinity = []int{80, echoPort}, "session"
	f := newFarm(t, lab.Config{Nodes: 3, ClientAddresses: 64}, o)
	for _, n := range f.Nodes {
		_, err := n.StartHTTP(":80", nil)
		must(t, err)
		l, err := n.Listen("tcp4", fmt.Sprintf(":%d", echoPort))
		must(t, err)
		echoOn(t, l)
	}
	return f
}

// echoOn echoes on every connection until the test ends.
func echoOn(t *testing.T, l net.Listener) {
	var serving sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			serving.Go(func() { _, _ = io.Copy(conn, conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
}

// talk is a set of established connections, half of them busy, the others idle.
type talk struct {
	t        testing.TB
	conns    []net.Conn
	stop     chan struct{}
	stopping sync.Once
	talking  sync.WaitGroup
	echoes   atomic.Int64
	slowest  atomic.Int64 // ns
}

// talk opens n connections to the VIP, and keeps every other one busy.
func (f *testFarm) talk(n int) *talk {
	f.T.Helper()
	k := &talk{t: f.T, stop: make(chan struct{})}
	for i := range n {
		from := netip.AddrPortFrom(f.Client.Addresses[i%len(f.Client.Addresses)], uint16(30000+i))
		conn, err := f.Client.Dial(f.Ctx, "tcp4", from, netip.AddrPortFrom(lab.VIP(), echoPort))
		must(f.T, err)
		k.conns = append(k.conns, conn)
		must(f.T, k.ask(i, "hello"))
	}
	for i := 0; i < n; i += 2 {
		k.talking.Go(func() { k.chat(i) })
	}
	f.T.Cleanup(func() {
		k.quiet()
		for _, conn := range k.conns {
			_ = conn.Close()
		}
	})
	return k
}

// echoPatience is how long an echo may take: some retransmissions.
const echoPatience = 5 * time.Second

// ask sends a line and waits for its echo.
func (k *talk) ask(i int, line string) error {
	conn := k.conns[i]
	began := time.Now()
	if err := conn.SetDeadline(began.Add(echoPatience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, line); err != nil {
		return err
	}
	got := make([]byte, len(line))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, []byte(line)) {
		return fmt.Errorf("echo %q of %q", got, line)
	}
	took := int64(time.Since(began))
	for old := k.slowest.Load(); took > old && !k.slowest.CompareAndSwap(old, took); old = k.slowest.Load() {
	}
	k.echoes.Add(1)
	return nil
}

// chat keeps one connection busy.
func (k *talk) chat(i int) {
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	for n := 0; ; n++ {
		select {
		case <-k.stop:
			return
		case <-beat.C:
		}
		if err := k.ask(i, fmt.Sprintf("connection %d, line %d\n", i, n)); err != nil {
			k.t.Errorf("connection %d from %v, line %d: %v", i, k.conns[i].LocalAddr(), n, err)
			return
		}
	}
}

// quiet stops talking.
func (k *talk) quiet() {
	k.stopping.Do(func() { close(k.stop) })
	k.talking.Wait()
}

// end stops talking, and asks every connection once more, the idle ones too.
func (k *talk) end() {
	k.t.Helper()
	k.quiet()
	for i := range k.conns {
		if err := k.ask(i, "goodbye"); err != nil {
			k.t.Errorf("connection %d from %v at the end: %v", i, k.conns[i].LocalAddr(), err)
		}
	}
	k.t.Logf("%d echoes, the slowest after %v", k.echoes.Load(), time.Duration(k.slowest.Load()).Round(time.Millisecond))
}

// noResets checks that no node has reset a connection.
func noResets(t testing.TB, c *lab.Capture) {
	t.Helper()
	must(t, c.Check())
	for flow, sources := range c.Answers(lab.Reset) {
		t.Errorf("reset by %v: %v", sources, flow)
	}
}

// viewChanges are the events on a node, after number since, that tell of another
// node or of another view.
func (f *testFarm) viewChanges(n *lab.Node, since uint64) (changes []string, last uint64) {
	f.T.Helper()
	c, err := console.NewClient("unix://" + n.Socket())
	must(f.T, err)
	defer c.Close()
	events, err := c.Events(f.Ctx, since)
	must(f.T, err)
	for _, e := range events {
		if last = e.Seq; e.Kind == "view" || e.Kind == "state" || e.Kind == "responder" || strings.HasPrefix(e.Kind, "node_") || strings.HasPrefix(e.Kind, "gossip_") {
			changes = append(changes, e.Message)
		}
	}
	return changes, max(since, last)
}

// TestRestartInPlace restarts a daemon five times under load, at every offload
// level in the long form: nobody notices, neither clients nor the other nodes.
func TestRestartInPlace(t *testing.T) {
	for i, o := range []lab.FarmOptions{
		{XDP: "native", Offload: "full"}, {XDP: "generic", Offload: "none"},
		{XDP: "native", Offload: "reject"}, {XDP: "native", Offload: "none"},
		{XDP: "generic", Offload: "reject"}, {XDP: "generic", Offload: "full"},
	} {
		if i < 2 || *long {
			t.Run(o.XDP+", offload "+o.Offload, func(t *testing.T) { restartFiveTimes(t, restartFarm(t, o)) })
		}
	}
}

func restartFiveTimes(t *testing.T, f *testFarm) {
	f.StartAll()
	f.acquainted()
	victim := f.Nodes[1]
	pid := f.Daemons[victim.Name].Pid
	f.unnoticed(300, func() {
		for range 5 {
			began := time.Now()
			t.Logf("%s in %v", strings.TrimSpace(f.Thresher(victim, "restart")), time.Since(began).Round(time.Millisecond))
		}
	})
	if s, err := f.Status(victim); err != nil || s.State != console.Up || f.Daemons[victim.Name].Pid != pid {
		t.Errorf("after it: %v, %v", s.State, err)
	}
	f.leavesNothing(victim)
}

// unnoticed holds that neither clients nor nodes notice what is done: so many
// connections, and 500 SYNs a second until a second after it.
func (f *testFarm) unnoticed(connections int, do func()) {
	f.T.Helper()
	k := f.talk(connections)
	c := f.Capture()
	defer c.Close()
	last := make(map[string]uint64)
	for _, n := range f.Nodes {
		_, last[n.Name] = f.viewChanges(n, 0)
	}
	stop := f.flood(lab.SYNSources(100_000), 500)
	do()
	f.Pass(time.Second)
	sent := stop()
	k.end()
	must(f.T, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(f.T, c, sent)
	noResets(f.T, c)
	for _, n := range f.Nodes {
		if changes, _ := f.viewChanges(n, last[n.Name]); len(changes) > 0 {
			f.T.Errorf("%s noticed: %q", n.Name, changes)
		}
	}
	f.T.Logf("%d SYNs", sent)
}

// acquainted waits until every node has heard by gossip that all are up.
func (f *testFarm) acquainted() {
	f.T.Helper()
	f.Eventually(30*time.Second, "every node shows all of them as up", func() bool {
		for _, n := range f.Nodes {
			s, err := f.Status(n)
			if err != nil || len(s.Nodes) != len(f.Nodes) || slices.ContainsFunc(s.Nodes, func(n console.Node) bool { return n.State != console.Up }) {
				return false
			}
		}
		return true
	})
}

// leavesNothing stops a node's daemon and looks for pins.
func (f *testFarm) leavesNothing(n *lab.Node) {
	f.T.Helper()
	if pins := f.pins(n); !strings.Contains(pins, "xdp-") {
		f.T.Errorf("%s has pinned %q", n.Name, pins)
	}
	must(f.T, f.Daemons[n.Name].Stop(f.Ctx))
	if pins := f.pins(n); pins != "" {
		f.T.Errorf("%s has left pins: %q", n.Name, pins)
	}
}

// pins lists a node's pins.
func (f *testFarm) pins(n *lab.Node) string {
	out, _ := n.Run(f.Ctx, "find", "/sys/fs/bpf", "-path", "*thresher/*") // none is an error
	return strings.TrimSpace(string(out))
}

// TestCrashCutsNoConnection kills a daemon under load, lets the others take its
// clients over, and starts it again: its connections go on all the time.
func TestCrashCutsNoConnection(t *testing.T) {
	for i, offload := range []string{"full", "none", "reject"} {
		if i > 0 && !*long {
			continue
		}
		t.Run("offload "+offload, func(t *testing.T) {
			f := restartFarm(t, lab.FarmOptions{Offload: offload})
			f.StartAll()
			c := f.Capture()
			defer c.Close()
			k := f.talk(300)
			stop := f.flood(lab.SYNSources(100_000), 500)
			victim := f.Nodes[1]
			must(t, f.Daemons[victim.Name].Kill())
			<-f.Daemons[victim.Name].Done()
			f.Eventually(5*time.Second, "two nodes share the farm", func() bool {
				s, err := f.Status(f.Nodes[0])
				return err == nil && farmtest.Sharing(s) == 2
			})
			f.Start(victim)
			f.Converge(f.Nodes...)
			f.Pass(time.Second)
			stop()
			k.end()
			must(t, c.Settle(f.Ctx, time.Second))
			noResets(t, c)
			for _, d := range c.Duplicates() {
				t.Errorf("answered by %v: %v", d.Sources, d.Flow)
			}
			if log := f.Daemons[victim.Name].Tail(10_000); !strings.Contains(log, "going on with what an earlier run has left") {
				t.Errorf("it began from nothing:\n%s", log)
			}
			f.leavesNothing(victim)
		})
	}
}

// TestHandOverByFile stops a daemon and starts another one at once.
func TestHandOverByFile(t *testing.T) {
	f := restartFarm(t, lab.FarmOptions{})
	f.Start(f.Nodes[0], f.Nodes[2])
	victim := f.Nodes[1]
	f.startHandingOver(victim)
	f.Converge(f.Nodes...)
	f.acquainted()
	c := f.Capture()
	defer c.Close()
	k := f.talk(100)
	_, last := f.viewChanges(f.Nodes[0], 0)
	must(t, f.Daemons[victim.Name].Stop(f.Ctx))
	f.startHandingOver(victim)
	f.Converge(f.Nodes...)
	f.Eventually(5*time.Second, "the restart is told", func() bool {
		return strings.Contains(f.Thresher(victim, "events"), "this node went on")
	})
	if changes, _ := f.viewChanges(f.Nodes[0], last); len(changes) > 0 {
		t.Errorf("%s noticed: %q", f.Nodes[0].Name, changes)
	}
	k.end()
	noResets(t, c)

	// Later than the lease, the others have its clients, and it begins anew. A client that
	// never ends its request does not keep it from handing over.
	hangs, err := net.Dial("unix", victim.Socket())
	must(t, err)
	defer hangs.Close()
	_, err = hangs.Write([]byte("GET /v1/status HTTP/1.1\r\n"))
	must(t, err)
	must(t, f.Daemons[victim.Name].Stop(f.Ctx))
	f.Converge(f.Nodes[0], f.Nodes[2])
	f.startHandingOver(victim)
	f.Converge(f.Nodes...)
	if log := f.Daemons[victim.Name].Tail(10_000); !strings.Contains(log, "too old") {
		t.Errorf("it does not say that it begins anew:\n%s", log)
	}
	f.leavesInOrder(victim)
	f.startHandingOver(victim)
	f.Converge(f.Nodes...)
	must(t, f.Daemons[victim.Name].Stop(f.Ctx))
	if out, err := victim.Run(f.Ctx, binary, "clean", "--config", victim.ConfigFile()); err != nil {
		t.Fatalf("thresher clean: %v\n%s", err, out)
	}
	if pins := f.pins(victim); pins != "" {
		t.Errorf("thresher clean left pins: %q", pins)
	}
}

// leavesInOrder stops a daemon that is to hand over and cannot, since something is in
// the file's place: it says goodbye to the others, and undoes what it has done.
func (f *testFarm) leavesInOrder(n *lab.Node) {
	f.T.Helper()
	must(f.T, os.MkdirAll(filepath.Join(n.Dir, n.Name, "handover", "in the way"), 0o700))
	_ = f.Daemons[n.Name].Stop(f.Ctx) // it ends with the error
	if log := f.Daemons[n.Name].Tail(10_000); !strings.Contains(log, "nothing is handed over: this node leaves the farm") {
		f.T.Errorf("it does not say that it leaves:\n%s", log)
	}
	s, err := f.Status(f.Nodes[0])
	must(f.T, err)
	for _, one := range s.Nodes {
		if one.Name == n.Name && one.State == console.Unreachable {
			f.T.Errorf("the others take it for %s", one.State)
		}
	}
	if pins := f.pins(n); pins != "" {
		f.T.Errorf("it left pins: %q", pins)
	}
	must(f.T, os.RemoveAll(filepath.Join(n.Dir, n.Name, "handover")))
}

// startHandingOver starts a daemon that leaves everything in place at its end.
func (f *testFarm) startHandingOver(n *lab.Node) { f.startAs(n, binary, "--hand-over") }

// startAs starts a daemon from a program's file, with further flags.
func (f *testFarm) startAs(n *lab.Node, program string, flags ...string) {
	f.T.Helper()
	o := f.Options
	o.KeyFile = f.Options.KeyFile
	yaml, err := n.NodeConfig(o)
	must(f.T, err)
	must(f.T, os.WriteFile(n.ConfigFile(), []byte(yaml), 0o600))
	p, err := n.Start(program, append([]string{"run", "--config", n.ConfigFile()}, flags...)...)
	must(f.T, err)
	f.Daemons[n.Name] = p
}

// TestRestartIsRefused: with a configuration that the new program would refuse,
// the old one goes on.
func TestRestartIsRefused(t *testing.T) {
	t.Parallel()
	f := restartFarm(t, lab.FarmOptions{})
	f.StartAll()
	n := f.Nodes[0]
	yaml, err := os.ReadFile(n.ConfigFile())
	must(t, err)
	must(t, os.WriteFile(n.ConfigFile(), append(yaml, "colour: red\n"...), 0o600))
	out, err := n.CLI(f.Ctx, binary, "restart")
	if err == nil || !strings.Contains(err.Error(), "not restarted") || !strings.Contains(err.Error(), "colour") {
		t.Errorf("restart with a bad configuration: %v\n%s", err, out)
	}
	renamed := strings.Replace(string(yaml), "name: "+n.Name, "name: renamed", 1)
	must(t, os.WriteFile(n.ConfigFile(), []byte(renamed), 0o600))
	out, err = n.CLI(f.Ctx, binary, "restart")
	if err == nil || !strings.Contains(err.Error(), "not restarted: that makes this node another one: node.name: renamed, was "+n.Name) {
		t.Errorf("restart under another name: %v\n%s", err, out)
	}
	if s, err := f.Status(n); err != nil || s.State != console.Up || farmtest.Sharing(s) != 3 {
		t.Errorf("after it: %+v, %v", s.State, err)
	}
}

// TestRestartFailsAtTheLast: a program that is gone when it is to be run. The old
// one goes on, and with the next program that is put there the restart is done.
func TestRestartFailsAtTheLast(t *testing.T) {
	f := restartFarm(t, lab.FarmOptions{Offload: "none"})
	n := f.Nodes[0]
	program := filepath.Join(n.Dir, "program")
	must(t, os.Link(binary, program))
	f.startAs(n, program)
	f.Start(f.Nodes[1:]...)
	f.Converge(f.Nodes...)
	f.acquainted()
	k := f.talk(60)
	_, last := f.viewChanges(f.Nodes[1], 0)

	vanishing := program + ".new"
	must(t, os.WriteFile(vanishing, []byte("#!/bin/sh\nrm -f "+program+"\n"), 0o700))
	must(t, os.Rename(vanishing, program))
	out, err := n.CLI(f.Ctx, binary, "restart")
	if err == nil || !strings.Contains(err.Error(), "could not be restarted and goes on") {
		t.Errorf("restart: %v\n%s", err, out)
	}
	f.Eventually(5*time.Second, "the node is up and serves", func() bool {
		s, err := f.Status(n)
		return err == nil && s.State == console.Up && farmtest.Sharing(s) == 3 && s.Rules[0].Mine > 0
	})
	must(t, os.Link(binary, program))
	t.Log(strings.TrimSpace(f.Thresher(n, "restart")))
	k.end()
	if changes, _ := f.viewChanges(f.Nodes[1], last); len(changes) > 0 {
		t.Errorf("%s noticed: %q", f.Nodes[1].Name, changes)
	}
}

// TestRestartWithoutPins: a planned restart needs no BPF file system, and a
// second daemon of the same name is refused before and after.
func TestRestartWithoutPins(t *testing.T) {
	t.Parallel()
	f := restartFarm(t, lab.FarmOptions{Offload: "none", Unpinned: true})
	f.StartAll()
	n := f.Nodes[0]
	k := f.talk(60)
	for range 3 {
		t.Log(strings.TrimSpace(f.Thresher(n, "restart")))
		if out, err := n.Run(f.Ctx, binary, "run", "--config", n.ConfigFile()); err == nil || !strings.Contains(err.Error(), "another process runs this node") {
			t.Errorf("a second daemon: %v\n%s", err, out)
		}
	}
	if pins := f.pins(n); pins != "" {
		t.Errorf("pinned all the same: %q", pins)
	}
	k.end()
	var events []console.Event
	must(t, json.Unmarshal([]byte(f.eventsJSON(n)), &events))
	for i := 1; i < len(events); i++ {
		if events[i].Seq != events[i-1].Seq+1 {
			t.Errorf("event %d follows %d", events[i].Seq, events[i-1].Seq)
		}
	}
	must(t, errors.Join(f.Daemons[n.Name].Stop(f.Ctx)))
}

// eventsJSON are a node's events as one list.
func (f *testFarm) eventsJSON(n *lab.Node) string {
	lines := strings.Split(strings.TrimSpace(f.Thresher(n, "events", "--json")), "\n")
	return "[" + strings.Join(lines, ",") + "]"
}
