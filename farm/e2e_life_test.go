package farm_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/console"
	"thresher/perf/lab"
)

// gatewayCheck has a node wait as long as there is a file named unreachable.
const gatewayCheck = `checks:
  - {name: gateway, type: exec, command: [/bin/sh, -c, "test ! -e DIR/unreachable || { echo gateway unreachable; exit 2; }"], interval: 200ms, timeout: 1s, action: wait}
`

// stateHook has a program write down what it is told of the node's states.
const stateHook = `notify:
  - {type: exec, command: [/bin/sh, -c, 'echo "$THRESHER_OLD_STATE>$THRESHER_STATE $THRESHER_ACTION" >> DIR/told'], only: states}
`

// TestNodeLife goes through what node says of how a node comes and goes, on one farm:
// its first node's daemon is started anew with other keys each time.
func TestNodeLife(t *testing.T) {
	t.Parallel()
	f := newHealthFarm(t, 2, "", gatewayCheck+stateHook)
	n := f.Nodes[0]
	whole, err := os.ReadFile(n.ConfigFile())
	must(t, err)
	for _, one := range []struct {
		name, keys string
		test       func(*healthFarm, *lab.Node)
	}{
		{"slow start", ", slow_start: 2s", (*healthFarm).startsSlowly},
		{"boot delay", ", boot_delay: 2s", (*healthFarm).bootsLater},
		{"boot off", ", boot: off", (*healthFarm).bootsOff},
		{"boot as before", ", boot: as-before", (*healthFarm).bootsAsBefore},
		{"rejoin manual", ", rejoin: manual", (*healthFarm).rejoinsByHand},
		{"reset on stop", "", (*healthFarm).forgetsOnStop},
		{"no reset on stop", ", reset_on_stop: false", (*healthFarm).remembersOnStop},
		{"stop by force", ", stop_drain: 1h", (*healthFarm).stopsByForce},
		{"cordon", "", (*healthFarm).cordoned},
		{"actions", "", (*healthFarm).toldOfActions},
		{"all wait", "", (*healthFarm).allWait},
	} {
		t.Run(one.name, func(t *testing.T) {
			outer := f.T
			defer func() { f.T = outer }()
			f.T = t
			must(t, f.Daemons[n.Name].Stop(context.Background()))
			f.StartWith(n, strings.Replace(string(whole), "node: {name: "+n.Name, "node: {name: "+n.Name+one.keys, 1))
			one.test(f, n)
		})
	}
}

// is waits until the node says that it is in a state, for a reason with that text.
func (f *healthFarm) is(n *lab.Node, state console.NodeState, reason string) console.Status {
	f.T.Helper()
	s, _ := f.until(n, "the node is "+string(state)+" ("+reason+")", func(s console.Status) bool {
		return s.State == state && strings.Contains(s.Reason, reason)
	})
	return s
}

// again starts the node's daemon anew with the configuration that it has.
func (f *healthFarm) again(n *lab.Node) {
	f.T.Helper()
	yaml, err := os.ReadFile(n.ConfigFile())
	must(f.T, err)
	must(f.T, f.Daemons[n.Name].Stop(context.Background()))
	f.StartWith(n, string(yaml))
}

// nginxRuns tells whether the process does that is named now. One that is dead and
// that nobody has awaited yet does not.
func (f *healthFarm) nginxRuns(n *lab.Node) bool {
	pid, err := f.pid(n)
	if err != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// startsSlowly: the weight grows from little to all in the time that is set.
func (f *healthFarm) startsSlowly(n *lab.Node) {
	f.is(n, console.Up, "")
	begun := time.Now()
	var weights []int
	f.until(n, "the weight is whole", func(s console.Status) bool {
		weights = append(weights, s.Rules[0].Weight)
		return s.Rules[0].Weight == 100
	})
	took := time.Since(begun)
	distinct := slices.Compact(slices.Clone(weights))
	if !slices.IsSorted(weights) || weights[0] > 50 || len(distinct) < 4 {
		f.T.Errorf("weights %v", distinct)
	}
	// The last step is at nine tenths; half of it may have passed unseen.
	if took < 900*time.Millisecond {
		f.T.Errorf("the weight was whole after %v, want some 1.8 s", took)
	}
	f.Converge(f.Nodes...)
}

// bootsLater: services and traffic wait for the delay, and an operator need not.
func (f *healthFarm) bootsLater(n *lab.Node) {
	begun := time.Now()
	s := f.is(n, console.Waiting, "held back since the boot until")
	if s.Services[0].State != "stopped" || f.nginxRuns(n) {
		f.T.Errorf("nginx is %s while the node is held back", s.Services[0].State)
	}
	f.is(n, console.Up, "")
	if took := time.Since(begun); took < 1500*time.Millisecond {
		f.T.Errorf("up after %v, want 2 s", took)
	}
	f.again(n)
	f.is(n, console.Waiting, "held back since the boot until")
	begun = time.Now()
	f.Thresher(n, "start")
	f.is(n, console.Up, "")
	f.T.Logf("by start, up after %v", time.Since(begun))
	f.Converge(f.Nodes...)
}

func (f *healthFarm) bootsOff(n *lab.Node) {
	f.is(n, console.Stopped, "boot is off; thresher start brings it up")
	f.Thresher(n, "start")
	f.is(n, console.Up, "")
	f.Converge(f.Nodes...)
}

// bootsAsBefore: what an operator has stopped stays so over a start of the daemon.
func (f *healthFarm) bootsAsBefore(n *lab.Node) {
	f.is(n, console.Up, "")
	f.Thresher(n, "stop")
	f.Thresher(n, "wait", "--state", "stopped", "--timeout", "20s")
	f.again(n)
	f.is(n, console.Stopped, "stopped by an operator before the daemon was started")
	f.Thresher(n, "start")
	f.is(n, console.Up, "")
	f.again(n)
	f.is(n, console.Up, "")
	f.Converge(f.Nodes...)
}

// rejoinsByHand: what was wanting is back, and the node is not, until somebody says so.
func (f *healthFarm) rejoinsByHand(n *lab.Node) {
	f.is(n, console.Up, "")
	flag := filepath.Join(n.Dir, "unreachable")
	must(f.T, os.WriteFile(flag, nil, 0o600))
	f.is(n, console.Waiting, "gateway unreachable")
	must(f.T, os.Remove(flag))
	f.is(n, console.Waiting, "what was wanting is back; `thresher start` brings this node up")
	f.Pass(500 * time.Millisecond)
	f.is(n, console.Waiting, "what was wanting is back")
	f.Thresher(n, "start")
	f.is(n, console.Up, "")
	f.Converge(f.Nodes...)
}

// failedOnce has nginx fail once, and be stopped and started by an operator; it returns
// how many failures count then.
func (f *healthFarm) failedOnce(n *lab.Node) int {
	f.is(n, console.Up, "")
	must(f.T, f.signal(n, syscall.SIGKILL))
	f.until(n, "nginx has failed once and is up", func(s console.Status) bool {
		return s.Services[0].Restarts == 1 && s.Services[0].State == "up"
	})
	f.Thresher(n, "stop")
	f.Thresher(n, "wait", "--state", "stopped", "--timeout", "20s")
	s, err := f.Status(n)
	must(f.T, err)
	return s.Services[0].Restarts
}

func (f *healthFarm) forgetsOnStop(n *lab.Node) {
	if counts := f.failedOnce(n); counts != 0 {
		f.T.Errorf("%d failures count after a stop", counts)
	}
}

func (f *healthFarm) remembersOnStop(n *lab.Node) {
	if counts := f.failedOnce(n); counts != 1 {
		f.T.Errorf("%d failures count after a stop, want 1", counts)
	}
}

// stopsByForce: neither connections nor a server that hangs are waited for.
func (f *healthFarm) stopsByForce(n *lab.Node) {
	f.is(n, console.Up, "")
	must(f.T, f.signal(n, syscall.SIGSTOP))
	begun := time.Now()
	f.Thresher(n, "stop", "--force")
	f.until(n, "nginx is stopped", func(s console.Status) bool {
		return s.State == console.Stopped && s.Services[0].State == "stopped"
	})
	if took := time.Since(begun); took > 4*time.Second || f.nginxRuns(n) {
		f.T.Errorf("after %v, nginx runs: %v", took, f.nginxRuns(n))
	}
	f.Converge(f.Nodes[1])
}

// cordoned: neither a start nor a new daemon brings the node back, but uncordon.
func (f *healthFarm) cordoned(n *lab.Node) {
	f.is(n, console.Up, "")
	f.Thresher(n, "cordon")
	f.Thresher(n, "wait", "--state", "stopped", "--timeout", "30s")
	if out := f.Thresher(n, "status"); !strings.Contains(out, "\ncordoned: ") {
		f.T.Errorf("status of a cordoned node:\n%s", out)
	}
	if out, err := n.CLI(f.Ctx, binary, "start"); err == nil {
		f.T.Errorf("start of a cordoned node: %s", out)
	}
	f.again(n)
	f.is(n, console.Stopped, "cordoned before the daemon was started")
	f.Thresher(n, "uncordon")
	f.Converge(f.Nodes...)
}

// toldOfActions: a program has each change of the node's state, with what brought it
// about, over a restart in place and to the daemon's end and next begin.
func (f *healthFarm) toldOfActions(n *lab.Node) {
	before := f.toldOf(n, "starting>up boot")
	unreachable := filepath.Join(n.Dir, "unreachable")
	must(f.T, os.WriteFile(unreachable, nil, 0o600))
	f.is(n, console.Waiting, "gateway unreachable")
	must(f.T, os.Remove(unreachable))
	f.is(n, console.Up, "")
	f.Thresher(n, "stop", "--force")
	f.is(n, console.Stopped, "")
	f.Thresher(n, "start")
	f.is(n, console.Up, "")
	f.Thresher(n, "restart")
	f.Thresher(n, "cordon")
	f.is(n, console.Stopped, "")
	f.Thresher(n, "uncordon")
	f.is(n, console.Up, "")
	f.again(n)
	want := []string{
		"up>waiting wait", "waiting>starting wakeup", "starting>up wakeup", "up>stopped forcestop", "stopped>starting start", "starting>up start",
		"up>stopped cordon", "stopped>starting uncordon", "starting>up uncordon", // no connection is there that could drain
		"up>stopped shutdown", ">starting boot", "starting>up boot",
	}
	if told := f.toldOf(n, "starting>up boot")[len(before):]; !slices.Equal(told, want) {
		f.T.Errorf("told %q, want %q", told, want)
	}
	f.Converge(f.Nodes...)
}

// toldOf waits until a change of the node's state is the last one that the program was
// told, and returns all of them.
func (f *healthFarm) toldOf(n *lab.Node, last string) (told []string) {
	f.T.Helper()
	f.Eventually(30*time.Second, "the program is told: "+last, func() bool {
		text, err := os.ReadFile(filepath.Join(n.Dir, "told"))
		told = slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), sameState)
		return err == nil && len(told) > 0 && told[len(told)-1] == last
	})
	return told
}

// sameState is of a line that tells another reason for the state that there was.
func sameState(line string) bool {
	states, _, _ := strings.Cut(line, " ")
	before, now, _ := strings.Cut(states, ">")
	return before == now
}

// allWait: a node whose check fails that it waits for is out, and comes back by itself.
// That nobody serves is said first.
func (f *healthFarm) allWait(n *lab.Node) {
	f.is(n, console.Up, "")
	must(f.T, os.WriteFile(filepath.Join(n.Dir, "unreachable"), nil, 0o600))
	f.until(n, "the node waits and nginx is stopped", func(s console.Status) bool {
		return s.State == console.Waiting && s.Reason == "check gateway: gateway unreachable" && s.Services[0].State == "stopped"
	})
	f.Converge(f.Nodes[1])
	must(f.T, os.WriteFile(filepath.Join(f.Nodes[1].Dir, "unreachable"), nil, 0o600))
	f.until(n, "all nodes are seen to wait", func(s console.Status) bool {
		return len(s.Nodes) == 2 && s.Nodes[0].State == console.Waiting && s.Nodes[1].State == console.Waiting
	})
	if out := f.Thresher(n, "status"); !strings.Contains(out, "\nALL NODES WAIT: nobody serves\n") {
		f.T.Errorf("status says:\n%s", out)
	}
	for _, one := range f.Nodes {
		must(f.T, os.Remove(filepath.Join(one.Dir, "unreachable")))
	}
	f.Converge(f.Nodes...)
}

// TestGatewayUnreachable: a node whose gateway no longer answers waits without a share,
// and comes back by itself; the other one has all meanwhile.
func TestGatewayUnreachable(t *testing.T) {
	t.Parallel()
	f := newHealthFarm(t, 2, "", "")
	n := f.Nodes[0]
	yaml, err := os.ReadFile(n.ConfigFile())
	must(t, err)
	must(t, f.Daemons[n.Name].Stop(f.Ctx))
	f.StartWith(n, string(yaml)+fmt.Sprintf("checks:\n  - {name: gateway, type: ping, target: %s, interval: 500ms}\n", f.Client.Address))
	f.Converge(f.Nodes...)
	answers := func(ignored string) {
		t.Helper()
		out, err := f.Client.Run(f.Ctx, "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all="+ignored)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	answers("1")
	f.until(n, "the node waits, and has no share", func(s console.Status) bool {
		return s.State == console.Waiting && strings.Contains(s.Reason, "gateway") && share(s) == 0
	})
	f.Converge(f.Nodes[1])
	answers("0")
	f.Converge(f.Nodes...)
	f.is(n, console.Up, "")
}
