package farm_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// healthFarm is a farm whose nodes run nginx as a service.
type healthFarm struct {
	*testFarm
	nginx map[string]lab.Commands
}

// newHealthFarm starts a farm of so many nodes, whose daemons start nginx and check
// it; more is added to each configuration.
func newHealthFarm(t *testing.T, nodes int, node, more string) *healthFarm {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/nginx"); err != nil {
		leftout.Skip(t, "nginx is not installed")
	}
	f := &healthFarm{newFarm(t, lab.Config{Nodes: nodes}, lab.FarmOptions{TCPPorts: []int{80}, Affinity: "session"}), make(map[string]lab.Commands)}
	for _, n := range f.Nodes {
		c, err := n.PrepareNginx()
		must(t, err)
		f.nginx[n.Name] = c
		t.Cleanup(func() { _ = f.signal(n, syscall.SIGKILL) }) // it may have ended
		yaml, err := n.NodeConfig(f.Options)
		must(t, err)
		yaml = strings.Replace(yaml, "node: {name: "+n.Name+"}", "node: {name: "+n.Name+node+"}", 1)
		f.StartWith(n, yaml+fmt.Sprintf(`services:
  - {name: nginx, start: [%s], stop: [%s], process: {pid_file: %s}, start_timeout: 10s, stop_timeout: 5s}
`, list(c.Start), list(c.Stop), c.PidFile)+strings.ReplaceAll(more, "DIR", n.Dir))
	}
	f.Converge(f.Nodes...)
	return f
}

func list(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return strings.Join(quoted, ", ")
}

// pid is of a node's nginx.
func (f *healthFarm) pid(n *lab.Node) (int, error) {
	text, err := os.ReadFile(f.nginx[n.Name].PidFile)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func (f *healthFarm) signal(n *lab.Node, s syscall.Signal) error {
	pid, err := f.pid(n)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, s)
}

// until waits until a node's status is as it should be, and returns it with how
// long that took.
func (f *healthFarm) until(n *lab.Node, what string, holds func(console.Status) bool) (s console.Status, took time.Duration) {
	f.T.Helper()
	begun := time.Now()
	f.Eventually(30*time.Second, what, func() bool {
		var err error
		s, err = f.Status(n)
		return err == nil && holds(s)
	})
	return s, time.Since(begun)
}

// share is a node's part of the first rule, in its own eyes.
func share(s console.Status) float64 {
	for _, n := range s.Nodes {
		if n.Name == s.Node {
			return n.Shares["web"]
		}
	}
	return -1
}

const httpCheck = `checks:
  - {name: http, type: http, target: "http://127.0.0.1/", interval: 200ms, timeout: 300ms, rise: 2, fall: 2, action: ACTION, rules: [web]}
`

// TestServiceKilled: a process that is killed is started again here, as often as it
// may be; then the node stops and says why, and reset brings it back. Clients of the
// node that is hit see the death itself, and nobody waits for anything.
func TestServiceKilled(t *testing.T) {
	f := newHealthFarm(t, 2, "", "")
	n := f.Nodes[0]
	wire, err := f.Client.WatchHandshakes(lab.VIP())
	must(t, err)
	late := farmtest.WatchLateness(t)
	stop := f.visit(t)
	var killed []time.Time
	for i := 1; i <= 2; i++ {
		before, err := f.pid(n)
		must(t, err)
		killed = append(killed, time.Now())
		must(t, f.signal(n, syscall.SIGKILL))
		f.until(n, "nginx runs again", func(s console.Status) bool {
			now, err := f.pid(n)
			return err == nil && now != before && s.State == console.Up && s.Services[0].State == "up" && s.Services[0].Restarts == i
		})
		f.until(n, "the rule is back", func(s console.Status) bool { return len(s.Rules[0].Withdrawn) == 0 })
		f.Converge(f.Nodes...)
	}
	killed = append(killed, time.Now())
	must(t, f.signal(n, syscall.SIGKILL))
	s, _ := f.until(n, "the node stops", func(s console.Status) bool { return s.State == console.Stopped })
	if want := "nginx failed 3 times in 24 h"; s.Reason != want || !s.Failed {
		t.Errorf("stopped for %q, want %q; failed: %v", s.Reason, want, s.Failed)
	}
	f.Converge(f.Nodes[1])
	if out := f.Thresher(n, "status"); !strings.HasPrefix(out, n.Name+" is stopped (nginx failed 3 times in 24 h)\n") {
		t.Errorf("status says:\n%s", out)
	}
	f.Thresher(n, "reset")
	f.Thresher(n, "wait", "--state", "up", "--timeout", "20s")
	f.Converge(f.Nodes...)
	got := stop()
	t.Logf("%d requests, %d failed; %d SYNs were sent again", got.done, len(got.failures), len(wire.Retransmitted()))
	// Each death may cost each client the request under way, and one that is refused
	// before the rule is withdrawn.
	if got.done < 250 || len(got.failures) > 3*2*clients {
		t.Errorf("%d of %d requests failed", len(got.failures), got.done)
	}
	f.onlyAtDeaths(got.failures, killed, late)
	for _, r := range wire.Resets() {
		if slices.ContainsFunc(r.By, func(m config.MAC) bool { return m != n.MAC }) {
			t.Errorf("%v was reset by %v, and %s with %v was hit", r.Client, r.By, n.Name, n.MAC)
		}
	}
	// What comes between a node's letting go and the other's taking over, while the
	// notice is under way, is lost, and sent again a second later: that takes about a
	// millisecond, more if the machine is busy. The changes are three deaths, two times
	// that the rule comes back, and the start.
	if lost := wire.Retransmitted(); len(lost) > 6*clients/2 {
		t.Errorf("%d SYNs were lost in 6 changes: %v", len(lost), lost)
	}
}

// atDeath is how long after its server's death a client may notice it: the rule is
// withdrawn within a few milliseconds. The machine may be busy, and as late as it is then.
const atDeath = 150 * time.Millisecond

// onlyAtDeaths judges when requests failed.
func (f *healthFarm) onlyAtDeaths(failures []failure, killed []time.Time, late *farmtest.Lateness) {
	f.T.Helper()
	for _, one := range failures {
		if !slices.ContainsFunc(killed, func(at time.Time) bool {
			return one.ended.After(at) && one.begun.Before(late.PutOff(at, at.Add(atDeath)))
		}) {
			f.T.Errorf("a request from %v to %v failed, and deaths were at %v: %v", one.begun, one.ended, killed, one.err)
		}
	}
}

// TestZombie: a server that accepts but does not answer loses its rule within interval
// times fall and 100 ms of the moment when it hangs, and has it back within interval
// times rise, or as soon as it may come back.
func TestZombie(t *testing.T) {
	const interval, fall, rise = 500 * time.Millisecond, 2, 2
	f := newHealthFarm(t, 2, "", fmt.Sprintf(`checks:
  - {name: http, type: http, target: "http://127.0.0.1/", interval: %v, rise: %d, fall: %d, action: none, rules: [web]}
`, interval, rise, fall)) // the timeout is what it is by itself
	n := f.Nodes[0]
	late := farmtest.WatchLateness(t)
	for i := range 4 {
		f.Pass(time.Duration(i) * interval / 4) // it hangs at any moment between two runs
		hung := time.Now()
		must(t, f.signal(n, syscall.SIGSTOP))
		s, took := f.until(n, "the rule is withdrawn", func(s console.Status) bool { return share(s) == 0 })
		// What wakes up on the way are the run's end, the machine of checks, the farm's, and
		// who asks here.
		slack := 4 * late.Worst(hung)
		t.Logf("withdrawn after %v, on a machine with wake-ups up to %v late: %v", took, slack/4, s.Rules[0].Withdrawn)
		if limit := fall*interval + 100*time.Millisecond; took > limit+slack {
			t.Errorf("withdrawn after %v, want at most %v, and %v for the machine", took, limit, slack)
		}
		if s.State != console.Up || !strings.Contains(strings.Join(s.Rules[0].Withdrawn, " "), "check http") || s.Checks[0].State != "down" {
			t.Errorf("state %s, rule withdrawn for %v, check %s", s.State, s.Rules[0].Withdrawn, s.Checks[0].State)
		}
		resumed := time.Now()
		must(t, f.signal(n, syscall.SIGCONT))
		_, took = f.until(n, "the check is up", func(s console.Status) bool { return s.Checks[0].State == "up" })
		slack = 4 * late.Worst(resumed)
		if limit := rise*interval + 100*time.Millisecond; took > limit+slack {
			t.Errorf("up %v after it goes on, want at most %v, and %v for the machine", took, limit, slack)
		}
		s, back := f.until(n, "the rule is back", func(s console.Status) bool { return share(s) > 0.4 })
		t.Logf("up after %v, the rule back %v later", took, back)
		if len(s.Rules[0].Withdrawn) > 0 {
			t.Errorf("rule withdrawn for %v", s.Rules[0].Withdrawn)
		}
	}
}

// TestZombieRestarted: where the check restarts the service, a server that hangs is
// another process soon.
func TestZombieRestarted(t *testing.T) {
	if !*long {
		return
	}
	f := newHealthFarm(t, 2, "", strings.Replace(httpCheck, "ACTION", "restart", 1))
	n := f.Nodes[0]
	before, err := f.pid(n)
	must(t, err)
	must(t, f.signal(n, syscall.SIGSTOP))
	f.until(n, "nginx is another process", func(s console.Status) bool {
		now, err := f.pid(n)
		return err == nil && now != before && s.Services[0].Restarts == 1 && s.Checks[0].State == "up" && share(s) > 0.4
	})
}

// TestStopAndStartUnderLoad: traffic is out before the service stops and in after
// it is ready, so that no request of anybody fails.
func TestStopAndStartUnderLoad(t *testing.T) {
	f := newHealthFarm(t, 2, "", strings.Replace(httpCheck, "ACTION", "restart", 1))
	n := f.Nodes[0]
	stop := f.visit(t)
	for range 2 {
		f.Thresher(n, "stop")
		f.Thresher(n, "wait", "--state", "stopped", "--timeout", "30s")
		if f.nginxRuns(n) {
			t.Error("nginx runs on a stopped node")
		}
		f.Pass(200 * time.Millisecond)
		f.Thresher(n, "start")
		f.Thresher(n, "wait", "--state", "up", "--timeout", "30s")
		f.Converge(f.Nodes...)
	}
	got := stop()
	t.Logf("%d requests, %d failed", got.done, len(got.failures))
	if len(got.failures) > 0 || got.done < 100 {
		t.Errorf("%d of %d requests failed: %v", len(got.failures), got.done, got.failures)
	}
}

// clients make requests at once.
const clients = 4

// visits are what came of requests.
type visits struct {
	done     int
	failures []failure
}

// failure is a request that failed.
type failure struct {
	begun, ended time.Time
	err          error
}

func (f failure) String() string {
	return fmt.Sprintf("%s for %v: %v", f.begun.Format("15:04:05.000"), f.ended.Sub(f.begun), f.err)
}

// visit makes requests of the VIP, each on a new connection, until what it returns
// is called.
func (f *healthFarm) visit(t *testing.T) func() visits {
	t.Helper()
	return f.visitAt("http://" + lab.VIP().String() + "/")
}

// visitAt is visit of another URL.
func (f *healthFarm) visitAt(url string) func() visits {
	ctx, cancel := context.WithCancel(f.Ctx)
	results := make(chan visits)
	for range clients {
		go func() {
			var v visits
			c := f.Client.HTTPClient(netip.Addr{})
			for ctx.Err() == nil {
				begun := time.Now()
				err := get(c, url)
				v.done++
				if err != nil {
					v.failures = append(v.failures, failure{begun, time.Now(), err})
				}
				time.Sleep(5 * time.Millisecond)
			}
			results <- v
		}()
	}
	return func() (all visits) {
		cancel()
		for range clients {
			v := <-results
			all.done, all.failures = all.done+v.done, append(all.failures, v.failures...)
		}
		return all
	}
}

// get makes one request, whose answer must be whole.
func get(c *http.Client, url string) error {
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// TestRestartKeepsServices: a daemon that goes on in another process leaves its
// services and its share as they are.
func TestRestartKeepsServices(t *testing.T) {
	f := newHealthFarm(t, 2, "", strings.Replace(httpCheck, "ACTION", "restart", 1)+
		`  - {name: agent, type: exec, agent: true, command: [/bin/sh, -c, "test -e DIR/silent && exit 2; echo 90%"], interval: 200ms, fall: 1000, rules: [web]}
`)
	n := f.Nodes[0]
	before, err := f.pid(n)
	must(t, err)
	f.until(n, "the agent has its weight", func(s console.Status) bool { return s.Rules[0].Weight == 90 })
	must(t, os.WriteFile(filepath.Join(n.Dir, "silent"), nil, 0o600)) // so that the next process can't have it of the agent
	stop := f.visit(t)
	f.Thresher(n, "restart")
	s, _ := f.until(n, "the check is up again", func(s console.Status) bool { return s.Checks[0].State == "up" })
	if s.State != console.Up || share(s) < 0.4 || s.Services[0].State != "up" || s.Rules[0].Weight != 90 {
		t.Errorf("%s with a share of %v and weight %d, service %s", s.State, share(s), s.Rules[0].Weight, s.Services[0].State)
	}
	if now, err := f.pid(n); err != nil || now != before {
		t.Errorf("nginx is process %d, was %d: %v", now, before, err)
	}
	if got := stop(); len(got.failures) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(got.failures), got.done, got.failures)
	}
}
