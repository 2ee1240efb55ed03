package confirm

import (
	"strings"
	"testing"
	"time"
)

func (p *pair) config() Config {
	return Config{Name: "b", Boot: 999, Params: DefaultParams(), Meta: "w", Assign: byOwner("b")}
}

// A planned restart must not be seen from outside: the new process goes on with
// boot and seq, holds the same buckets, and the deadline stays.
func TestHandOverGoesOn(t *testing.T) {
	p := newPair(t)
	p.serving()
	old := p.n
	before := p.n.Status()
	state, err := old.Snapshot(p.now)
	if err != nil {
		t.Fatal(err)
	}
	n, a, err := Restore(p.config(), p.now.Add(40*ms), state)
	if err != nil {
		t.Fatal(err)
	}
	if a.Lease == nil || a.Lease.Deadline < before.Deadline || a.Lease.Confirmed.Len() != 6 || !a.Lease.Moved {
		t.Errorf("lease %+v, want the six buckets at least until %v", a.Lease, before.Deadline)
	}
	if a.Broadcast == nil || a.Broadcast.Boot != before.Boot || a.Broadcast.Seq <= before.Counters.Sent || a.Broadcast.Stated != both {
		t.Errorf("heartbeat %+v, want boot %d and the next number", a.Broadcast, before.Boot)
	}
	if got := old.Tick(p.now.Add(time.Second)); got.Broadcast != nil || got.Lease != nil {
		t.Error("the old process still speaks")
	}
	p.n, p.now = n, p.now.Add(40*ms)
	p.take(a)
	p.until(2*time.Second, views{phase: Up, stated: both, target: both})
	if p.last.Confirmed.Len() != 6 || p.last.Deadline < p.now.Add(500*ms) {
		t.Errorf("later: %d buckets until %v from now", p.last.Confirmed.Len(), p.last.Deadline.Sub(p.now))
	}
}

// Where heartbeats go by the membership, a restarted process that does not hear its
// peer keeps to what it had, and is fenced in time; when it has joined, or has tried
// to, the peer's silence counts.
func TestHandOverByMembership(t *testing.T) {
	p := newPair(t)
	p.serving()
	state, err := p.n.Snapshot(p.now)
	if err != nil {
		t.Fatal(err)
	}
	c := p.config()
	c.ByMembership = true
	p.now = p.now.Add(200 * ms)
	n, a, err := Restore(c, p.now, state)
	if err != nil {
		t.Fatal(err)
	}
	p.n = n
	p.take(a)
	beats := n.Status().Counters.Sent
	p.pass(3 * time.Second)
	if s := n.Status(); s.Target != both || s.Stated != both || p.last.Deadline != 0 || !s.Joining {
		t.Errorf("not joined: target %x, stated %x, deadline %v", s.Target, s.Stated, p.last.Deadline)
	}
	if sent := n.Status().Counters.Sent - beats; sent < 55 || sent > 65 {
		t.Errorf("%d heartbeats in 3 s", sent)
	}
	p.take(n.Members(p.now, []string{"b"}))
	p.pass(200 * ms)
	if s := n.Status(); s.Target != both || s.Joining {
		t.Errorf("200 ms after: target %x", s.Target)
	}
	p.pass(200 * ms)
	if s := n.Status(); s.Target == both || s.Stated == both || p.last.Deadline == 0 {
		t.Errorf("400 ms after: target %x, stated %x, deadline %v", s.Target, s.Stated, p.last.Deadline)
	}
}

func TestRestoreRefuses(t *testing.T) {
	p := newPair(t)
	p.serving()
	state, err := p.n.Snapshot(p.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.n.Snapshot(p.now); err == nil {
		t.Error("handed over twice")
	}
	tests := []struct {
		name  string
		set   func(*Config)
		now   Time
		state []byte
		want  string
	}{
		{"another node's", func(c *Config) { c.Name = "c" }, p.now, state, `is of node "b"`},
		{"another lease", func(c *Config) { c.Params = FastestParams() }, p.now, state, "restart without hand-over"},
		{"after a reboot", func(*Config) {}, p.now - 1, state, "last boot"},
		{"another version", func(*Config) {}, p.now, append([]byte{9}, state[1:]...), "version 9"},
		{"too long", func(*Config) {}, p.now, append(append([]byte(nil), state...), 0), "too many"},
		{"nothing", func(*Config) {}, p.now, nil, "truncated"},
	}
	for _, tt := range tests {
		c := p.config()
		tt.set(&c)
		if _, _, err := Restore(c, tt.now, tt.state); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want something about %q", tt.name, err, tt.want)
		}
	}
	for n := range state {
		if _, _, err := Restore(p.config(), p.now, state[:n]); err == nil {
			t.Fatalf("restored from the first %d of %d bytes", n, len(state))
		}
	}
}

func FuzzRestore(f *testing.F) {
	n, _ := newTestNode(f, "b")
	n.Receive(testStart.Add(ms), &Heartbeat{Name: "a", Boot: 50, Seq: 1, Phase: Up, Lease: 600 * ms, Stated: both, Target: both, Meta: "w"})
	n.Tick(testStart.Add(700 * ms))
	state, err := n.Snapshot(testStart.Add(701 * ms))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Config{Name: "b", Params: DefaultParams(), Meta: "w", Assign: byOwner("b")}
		if n, _, err := Restore(c, testStart.Add(time.Hour), b); err == nil {
			n.Tick(testStart.Add(2 * time.Hour))
		}
	})
}
