package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"thresher/config"
	"thresher/console/trust"
)

// testTimeout is how long a test waits for what must happen at once.
const testTimeout = 10 * time.Second

// fakeFarm is a Farm that does as it is told and writes down what it was asked.
type fakeFarm struct {
	captured []Captured
	status   Status
	where    []Where
	reload   Reload
	text     string
	trial    Trial
	keys     config.Keys
	unmet    []string
	err      error
	// act, if set, is run by Start and Stop.
	act func(ctx context.Context) error

	// stepKeys, if set, may refuse a step; identity follows the keys.
	stepKeys func(config.KeyStep) error
	identity *trust.Identity

	mu    sync.Mutex
	calls []string
}

var _ Farm = (*fakeFarm)(nil)

func (f *fakeFarm) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// setNodes has the farm have other members.
func (f *fakeFarm) setNodes(nodes []Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.Nodes = nodes
}

func (f *fakeFarm) Start(ctx context.Context) error { return f.change(ctx, "start") }

func (f *fakeFarm) Stop(ctx context.Context, force bool) error {
	return f.change(ctx, map[bool]string{false: "stop", true: "stop by force"}[force])
}

func (f *fakeFarm) Cordon(ctx context.Context) error   { return f.change(ctx, "cordon") }
func (f *fakeFarm) Uncordon(ctx context.Context) error { return f.change(ctx, "uncordon") }
func (f *fakeFarm) Reset(ctx context.Context) error    { return f.change(ctx, "reset") }

func (f *fakeFarm) Suspend(ctx context.Context, suspend bool) error {
	return f.change(ctx, map[bool]string{true: "suspend", false: "resume"}[suspend])
}

func (f *fakeFarm) Drain(ctx context.Context, deadline time.Duration) error {
	return f.change(ctx, "drain "+deadline.String())
}

func (f *fakeFarm) Restart(ctx context.Context, ready func()) error {
	err := f.change(ctx, "restart")
	if err == nil {
		ready()
	}
	return err
}

func (f *fakeFarm) Reload(ctx context.Context, check bool, begun func(Reload)) error {
	err := f.change(ctx, fmt.Sprintf("reload %v", check))
	if err == nil {
		begun(f.reload)
	}
	return err
}

func (f *fakeFarm) Weigh(ctx context.Context, rule string, weight *uint8) error {
	if weight == nil {
		return f.change(ctx, "weigh "+rule)
	}
	return f.change(ctx, fmt.Sprintf("weigh %s %d", rule, *weight))
}

func (f *fakeFarm) change(ctx context.Context, call string) error {
	f.note(call)
	if f.act != nil {
		return f.act(ctx)
	}
	return f.err
}

func (f *fakeFarm) Where(client netip.Addr, port uint16, rule string) ([]Where, error) {
	f.note("where " + netip.AddrPortFrom(client, port).String() + " " + rule)
	return f.where, f.err
}

func (f *fakeFarm) Configuration() (Configuration, error) {
	return Configuration{Node: f.status.Node, File: "/thresher.yaml", Text: f.text, ETag: ETagOf([]byte(f.text))}, nil
}

func (f *fakeFarm) Plan(context.Context, []byte) (Reload, error) { return f.reload, f.err }

func (f *fakeFarm) Try(ctx context.Context, text []byte, etag string, t Trial, begun func(Reload)) error {
	if etag != ETagOf([]byte(f.text)) {
		return changedMeanwhile(f.status.Node)
	}
	err := f.change(ctx, "try "+string(text))
	if err == nil {
		f.mu.Lock()
		f.trial = t
		f.mu.Unlock()
		begun(f.reload)
	}
	return err
}

func (f *fakeFarm) Trial() Trial {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trial
}

func (f *fakeFarm) EndTrial(_ context.Context, t Trial) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trial = t
	return nil
}

func (f *fakeFarm) Admit(ctx context.Context, in Newcomer) (Admission, error) {
	return Admission{Node: f.status.Node, Config: []byte("node: {}"), Keys: []byte("secret")}, f.change(ctx, "admit "+in.Node)
}

func (f *fakeFarm) AddPeer(ctx context.Context, in Newcomer) error {
	return f.change(ctx, "add peer "+in.Node+" "+config.Peer(in.Binds()).String())
}

func (f *fakeFarm) Keys(context.Context) (NodeKeys, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.keys
	n := NodeKeys{Name: f.status.Node, Using: config.KeyID(k.Gossip), Next: config.KeyID(k.Next), Before: config.KeyID(k.Before), Unmet: f.unmet}
	for _, known := range f.status.Nodes {
		n.Knows = append(n.Knows, known.Name)
	}
	return n, nil
}

func (f *fakeFarm) KeyOf(_ context.Context, id string) ([32]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range f.keys.Accepted() {
		if config.KeyID(key) == id {
			return key, true
		}
	}
	return [32]byte{}, false
}

func (f *fakeFarm) StepKeys(_ context.Context, step config.KeyStep, id string, key [32]byte) error {
	f.note("key " + string(step))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stepKeys != nil {
		if err := f.stepKeys(step); err != nil {
			return err
		}
	}
	next, err := f.keys.Step(step, id, key)
	if err == nil {
		f.keys = next
		if f.identity != nil {
			err = f.identity.SetKeys(next.Accepted()...)
		}
	}
	return err
}

func (f *fakeFarm) Datapath() Datapath { return f.status.Datapath }

func (f *fakeFarm) Buckets(rule string, cells int) (Buckets, error) {
	return Buckets{Rule: rule, Nodes: []string{"web1", "web2"}, Step: 65536 / cells, Owners: make([]int, cells), Unsettled: []int{}}, f.err
}

func (f *fakeFarm) note(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeFarm) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// socketPath returns a path for a socket. t.TempDir has the test's name in it, and
// sun_path is short.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "thr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "api.sock")
}

// startServer serves f and log on a socket for the length of the test and returns
// a client of it, and the server.
func startServer(t *testing.T, f Farm, log *Log) (*Client, *Server) {
	t.Helper()
	path := socketPath(t)
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(f, log, nil)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := NewClient("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return c, s
}

// dialClient opens a bare connection to c's daemon, for what c would never send.
func dialClient(t *testing.T, c *Client) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", c.api[len("unix://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Capture tells of the packets that it has, and ends.
func (f *fakeFarm) Capture(ctx context.Context, o CaptureOptions, each func(Captured) error) error {
	if err := f.change(ctx, "capture "+o.String()); err != nil {
		return err
	}
	err := each(Captured{})
	for i, got := range f.captured {
		if err == nil {
			got.Turns = uint64(i + 1)
			err = each(got)
		}
	}
	return err
}

// Of a node whose daemon is busy nothing is made up: who asks hears that it does not
// answer.
func TestBusyNodeDoesNotAnswer(t *testing.T) {
	c, _ := startServer(t, &fakeFarm{status: Status{Node: "web1", State: Busy}}, NewLog(0))
	var e *Error
	if _, err := c.Status(t.Context()); !errors.As(err, &e) || e.Code != CodeUnavailable || e.Message != "web1 does not answer: its daemon is there, but busy or stuck" {
		t.Errorf("status: %v", err)
	}
	if _, err := c.Farm(t.Context()); !errors.As(err, &e) || e.Code != CodeUnavailable {
		t.Errorf("farm: %v", err)
	}
	if _, err := c.StatusOf(t.Context(), "web2"); !errors.As(err, &e) || e.Code != CodeUnavailable {
		t.Errorf("another node's status: %v", err)
	}
}
