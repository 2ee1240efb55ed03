package supervise

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/config"
	"thresher/health/process"
)

// TestDeadProcessLingers: a server that takes the dead process of its pid file for
// itself, as Apache does, is told to start again when that is gone.
func TestDeadProcessLingers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	first := exec.Command("sleep", "1000")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	write := func(pid int) {
		if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first.Process.Pid)
	start := fmt.Sprintf(`kill -0 $(cat %[1]s) 2>/dev/null && exit 0; sleep 1000 >/dev/null 2>&1 & echo $! >%[1]s`, file)
	r := newRunner(config.Service{
		Name: "server", Start: []string{"/bin/sh", "-c", start}, Process: &config.Process{PidFile: file}, StartTimeout: 10 * time.Second,
	})
	type end struct {
		why string
		err error
	}
	ended := make(chan end, 1)
	before := watchers(first.Process.Pid) // package os may be one
	go func() { why, err := r.AwaitEnd(t.Context()); ended <- end{why, err} }()
	for deadline := time.Now().Add(10 * time.Second); watchers(first.Process.Pid) == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody awaits the end of the process")
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if e := <-ended; e.err != nil || !strings.Contains(e.why, "has ended") {
		t.Fatalf("%+v", e)
	}
	waited := time.AfterFunc(gonePatience+gonePatience/2, func() { _ = first.Wait() }) // it was killed
	defer waited.Stop()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	second, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || second == first.Process.Pid {
		t.Fatalf("process %d was followed by %q: %v", first.Process.Pid, text, err)
	}
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// watchers is how many descriptors of another process this one has (pidfd_open(2)), by
// which it awaits its end.
func watchers(pid int) (n int) {
	infos, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, info := range infos {
		if text, err := os.ReadFile(info); err == nil && strings.Contains(string(text), fmt.Sprintf("\nPid:\t%d\n", pid)) {
			n++
		}
	}
	return n
}

// portOfServer is where TestPortServer listens, and where it writes its pid file.
const portOfServer = "THRESHER_TEST_PORT"

// TestPortServer is a server that has a worker: a process that keeps the port when the
// first one is killed. It says "address already in use" where another one does.
func TestPortServer(t *testing.T) {
	address, file, is := strings.Cut(os.Getenv(portOfServer), " ")
	if !is {
		return // TestWorkersLeftBehind runs it
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	worker := exec.Command("sleep", "1000")
	worker.ExtraFiles = []*os.File{socket}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait() // until it is killed
}

// TestWorkersLeftBehind: a server whose workers outlive it and keep its port is started
// again, whether it is a daemon or in the start command's group, and ended with them.
func TestWorkersLeftBehind(t *testing.T) {
	for _, how := range []string{"setsid ", ""} {
		t.Run("by "+how+"sh", func(t *testing.T) {
			t.Parallel() // they wait for the machine's first process
			// A port that is free, at an address that nobody else uses meanwhile.
			l, err := net.Listen("tcp", "127.0.0.88:0")
			if err != nil {
				t.Fatal(err)
			}
			address, file := l.Addr().String(), filepath.Join(t.TempDir(), "pid")
			l.Close()
			r := newRunner(config.Service{
				Name: "server", Start: []string{"/bin/sh", "-c", how + os.Args[0] + " -test.run=^TestPortServer$ &"}, Stop: []string{"/bin/false"},
				Environment: []string{portOfServer + "=" + address + " " + file}, Process: &config.Process{PidFile: file}, StartTimeout: 10 * time.Second,
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for range 2 {
				if err := r.Start(ctx); err != nil {
					t.Fatal(err)
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				first, err := strconv.Atoi(string(text))
				if err != nil {
					t.Fatal(err)
				}
				killed := time.AfterFunc(100*time.Millisecond, func() { _ = syscall.Kill(first, syscall.SIGKILL) }) // while its end is awaited
				defer killed.Stop()
				if why, err := r.AwaitEnd(ctx); err != nil {
					t.Fatalf("%q, %v", why, err)
				}
				if l, err := net.Listen("tcp", address); err == nil {
					l.Close()
					t.Fatal("no worker keeps the port")
				}
				if err := r.Stop(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if l, err = net.Listen("tcp", address); err != nil {
				t.Fatal(err)
			}
			l.Close()
		})
	}
}

// TestWorkersThatStay: what does not end when it is asked to is killed by force.
func TestWorkersThatStay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	script := fmt.Sprintf(`trap "" TERM; sleep 1000 >/dev/null 2>&1 & echo $! >%s`, file)
	r := newRunner(config.Service{Name: "server", Start: []string{"/bin/sh", "-c", script}, Stop: []string{"/bin/true"}})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	brief, cancel := context.WithTimeout(t.Context(), 2*time.Second) // for the stop command on a busy machine
	defer cancel()
	if err := r.Stop(brief); err == nil || !strings.Contains(err.Error(), "end what the service has left behind: process ") {
		t.Errorf("stop: %v", err)
	}
	if err := r.Force(t.Context()); err != nil {
		t.Error(err)
	}
	if pids, err := (process.Pattern{PidFile: file}).Find(); err != nil || len(pids) > 0 {
		t.Errorf("%v, %v", pids, err)
	}
}
