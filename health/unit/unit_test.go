package unit

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { leftout.Exit(m.Run()) }

// manager is a stand-in for systemd's, on a bus of its own: it knows one unit, and
// does its jobs as the real one tells of them. What only the real one shows is for
// machines that run it.
type manager struct {
	mu     sync.Mutex
	conn   *dbus.Conn
	props  *prop.Properties
	result string // of the next jobs
	calls  []string
}

const (
	busName  = "org.freedesktop.systemd1"
	busPath  = dbus.ObjectPath("/org/freedesktop/systemd1")
	unitPath = busPath + "/unit/nginx_2eservice"
	jobPath  = busPath + "/job/1"
)

func (m *manager) job(what, state string) (dbus.ObjectPath, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, what)
	if m.result == "done" {
		m.become(state)
	}
	result := m.result
	time.AfterFunc(20*time.Millisecond, func() {
		_ = m.conn.Emit(busPath, busName+".Manager.JobRemoved", uint32(1), jobPath, "nginx.service", result)
	})
	return jobPath, nil
}

// become changes the unit's state, which systemd tells of. The caller has the lock.
func (m *manager) become(state string) {
	m.props.SetMust(busName+".Unit", "ActiveState", state)
	m.props.SetMust(busName+".Unit", "SubState", map[string]string{"active": "running", "inactive": "dead", "failed": "failed"}[state])
}

func (m *manager) StartUnit(_, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("start", "active")
}
func (m *manager) StopUnit(_, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("stop", "inactive")
}
func (m *manager) Subscribe() *dbus.Error { return nil }
func (m *manager) KillUnit(_, _ string, _ int32) *dbus.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, "kill")
	m.become("failed")
	return nil
}

// startManager runs a bus and the manager on it, and returns the unit.
func startManager(t *testing.T) (*manager, Unit) {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		leftout.Skip(t, "dbus-daemon is not installed")
	}
	cmd := exec.Command(program, "--session", "--nofork", "--nopidfile", "--print-address", "--address=unix:dir="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m := &manager{conn: conn, result: "done"}
	text := func(s string) *prop.Prop { return &prop.Prop{Value: s, Emit: prop.EmitTrue} }
	m.props, err = prop.Export(conn, unitPath, prop.Map{busName + ".Unit": {"ActiveState": text("inactive"), "SubState": text("dead"), "Id": text("nginx.service")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Export(m, busPath, busName+".Manager"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(busName, 0); err != nil {
		t.Fatal(err)
	}
	dial := func(context.Context) (*sd.Conn, error) {
		return sd.NewConnection(func() (*dbus.Conn, error) { return dbus.Connect(address) })
	}
	return m, Unit{Name: "nginx.service", Dial: dial}
}

func TestStartAndStop(t *testing.T) {
	_, u := startManager(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	expect := func(want bool, words string) {
		t.Helper()
		if active, said, err := u.Active(ctx); err != nil || active != want || said != words {
			t.Errorf("%v, %q, %v; want %v, %q", active, said, err, want, words)
		}
	}
	expect(false, "inactive (dead)")
	if err := u.Start(ctx); err != nil {
		t.Fatal(err)
	}
	expect(true, "active (running)")
	if err := u.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	expect(false, "inactive (dead)")
}

// TestJobFails: what systemd says of a job is passed on, with where to look.
func TestJobFails(t *testing.T) {
	m, u := startManager(t)
	m.mu.Lock()
	m.result = "failed"
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := u.Start(ctx); err == nil || err.Error() != "start nginx.service: failed; see journalctl -u nginx.service" {
		t.Errorf("%v", err)
	}
}

// TestAwaitEnd: the end of a unit is noticed when systemd tells of it.
func TestAwaitEnd(t *testing.T) {
	m, u := startManager(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := u.Start(ctx); err != nil {
		t.Fatal(err)
	}
	type end struct {
		why string
		err error
	}
	ended := make(chan end, 1)
	go func() { why, err := u.AwaitEnd(ctx); ended <- end{why, err} }()
	select {
	case e := <-ended:
		t.Fatalf("ended while it is active: %+v", e)
	case <-time.After(200 * time.Millisecond):
	}
	if err := u.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-ended:
		if e.err != nil || e.why != "systemd says failed (failed)" {
			t.Errorf("%+v", e)
		}
	case <-ctx.Done():
		t.Errorf("the end was not noticed; the manager was called for %v", m.calls)
	}
}

// TestNoSystemd: without a manager, that is said.
func TestNoSystemd(t *testing.T) {
	refused := errors.New("connection refused")
	u := Unit{Name: "nginx.service", Dial: func(context.Context) (*sd.Conn, error) { return nil, refused }}
	if err := u.Start(t.Context()); !errors.Is(err, refused) || !strings.HasPrefix(err.Error(), "systemd does not answer: ") {
		t.Errorf("%v", err)
	}
}
