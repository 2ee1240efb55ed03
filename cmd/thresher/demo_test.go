package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/internal/leftout"
	"thresher/perf/lab"
)

var demoSeed = flag.Uint64("demo.seed", 0, "the seed of the moments at which demos are interrupted; 0 takes the clock's")

// demoObject is the object that `demo --json` ends with, as the documentation has
// it: all keys, in their order.
type demoObject struct {
	Nodes      int            `json:"nodes"`
	Requests   int            `json:"requests"`
	Answered   int            `json:"answered"`
	PerNode    map[string]int `json:"per_node"`
	Duplicates int            `json:"duplicates"`
	AfterKill  struct {
		Requests      int   `json:"requests"`
		Answered      int   `json:"answered"`
		FirstAnswerMS int64 `json:"first_answer_ms"`
	} `json:"after_kill"`
	OK bool `json:"ok"`
}

// demoCommand is `demo --json` with its temporary files in dir.
func demoCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	cmd := exec.Command(program(t), append([]string{"demo", "--json"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	return cmd
}

// shortDir is a directory for a demo's files. t.TempDir's names are so long that
// a socket in it could not be bound (unix(7)).
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestDemoServesAndLeavesNothing(t *testing.T) {
	dir := shortDir(t)
	cmd := demoCommand(t, dir)
	before := lookAt(t, cmd.Path, dir)
	began := time.Now()
	got := runToEnd(t, cmd)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the demo took %v, more than a minute", took)
	}
	if got.code != exitDone {
		t.Fatalf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	unchanged(t, before, func() machine { return lookAt(t, cmd.Path, dir) })
	checkDemo(t, got.stdout)
	if !strings.Contains(got.stderr, "node3 is killed") {
		t.Errorf("the progress is not on standard error:\n%s", got.stderr)
	}
}

// checkDemo checks that the output is one object on one line, in which all is as
// it should be. Bounds: every third of 400 clients, within four standard
// deviations.
func checkDemo(t *testing.T, stdout string) {
	t.Helper()
	t.Log(strings.TrimSpace(stdout))
	var d demoObject
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatalf("%v: %q", err, stdout)
	}
	if again, err := json.Marshal(d); err != nil || string(again)+"\n" != stdout {
		t.Errorf("the object is not as documented:\n got %swant %s", stdout, again)
	}
	sum := 0
	for name, n := range d.PerNode {
		sum += n
		if part := float64(n) / float64(d.Requests); part < 0.23 || part > 0.43 {
			t.Errorf("%s answered %.1f %%", name, 100*part)
		}
	}
	if d.Nodes != 3 || len(d.PerNode) != 3 || d.Requests < 300 || d.Answered != d.Requests || sum != d.Requests || d.Duplicates != 0 {
		t.Errorf("before the kill: %+v", d)
	}
	if k := d.AfterKill; k.Requests < 300 || k.Answered != k.Requests || k.FirstAnswerMS <= 0 || k.FirstAnswerMS > 2000 || !d.OK {
		t.Errorf("after the kill: %+v", d)
	}
}

// demoLength is about how long a demo without a terminal lasts.
const demoLength = 3500 * time.Millisecond

// TestInterruptedDemoLeavesNothing ends demos at random moments. What a SIGKILL
// leaves of files, the next demo takes away.
func TestInterruptedDemoLeavesNothing(t *testing.T) {
	seed := *demoSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again with: go test ./cmd/thresher -run %s -demo.seed=%d", t.Name(), seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := shortDir(t)
	before := lookAt(t, demoCommand(t, dir).Path, dir)
	for _, signal := range []syscall.Signal{
		syscall.SIGINT, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGHUP, syscall.SIGKILL, syscall.SIGINT,
	} {
		moment := time.Duration(random.Int64N(int64(demoLength)))
		t.Run(fmt.Sprintf("%v after %v", signal, moment.Round(time.Millisecond)), func(t *testing.T) {
			interruptDemo(t, demoCommand(t, dir), dir, signal, moment)
			unchanged(t, before, func() machine {
				now := lookAt(t, program(t), dir)
				if signal == syscall.SIGKILL {
					now.Files = before.Files
				}
				return now
			})
		})
	}
}

// interruptDemo starts a demo with its files in dir, ends it a moment after it has begun to
// make something, and checks how it took that. Before, it may not have got as far as to
// hear signals.
func interruptDemo(t *testing.T, cmd *exec.Cmd, dir string, signal syscall.Signal, moment time.Duration) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second // for children that keep the output open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(dir, fmt.Sprintf("thresher-lab-%d-*", cmd.Process.Pid))
	for deadline := time.Now().Add(20 * time.Second); len(glob(t, made)) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(moment)
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil && stdout.Len() > 0 {
		t.Log("it was over already")
		return
	}
	if signal == syscall.SIGKILL {
		return
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || stdout.Len() > 0 {
		t.Errorf("exit %d, output %q", code, stdout.String())
	}
	if !strings.HasSuffix(stderr.String(), "thresher: interrupted; everything that the demo made is gone again\n") {
		t.Errorf("it said\n%s", stderr.String())
	}
}

func TestDemoWithoutRootSaysWhatToDo(t *testing.T) {
	cmd := exec.Command(program(t), "demo", "--json")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	got := runToEnd(t, cmd)
	if want := "thresher: network namespaces need root: run it with sudo\n"; got.code != exitFailed || got.stdout != "" || got.stderr != want {
		t.Errorf("exit %d, %q, %q", got.code, got.stdout, got.stderr)
	}
}
