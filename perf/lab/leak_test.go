package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"thresher/internal/leftout"
)

// machine is what a lab could have changed of the machine.
type machine struct {
	Descriptors []string
	Links       []string
	Namespaces  []string
	Mounts      string
	Children    []string
	Directories []string
}

func dirPattern() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("%s%d-*", dirPrefix, os.Getpid()))
}

func lookAtMachine(t *testing.T) machine {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	m := machine{Mounts: string(mounts), Directories: ownDirs(t)}
	for _, l := range links {
		m.Links = append(m.Links, fmt.Sprint(l.Attrs().Index, l.Attrs().Name))
	}
	m.Namespaces, _ = filepath.Glob("/run/netns/*")
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	for _, d := range descriptors {
		// Numbers of anonymous files change; what they are does not.
		target, err := os.Readlink(d)
		if err == nil {
			kind, _, _ := strings.Cut(target, ":[")
			m.Descriptors = append(m.Descriptors, kind)
		}
	}
	slices.Sort(m.Descriptors)
	children, _ := filepath.Glob("/proc/self/task/*/children")
	for _, c := range children {
		if b, err := os.ReadFile(c); err == nil {
			m.Children = append(m.Children, strings.Fields(string(b))...)
		}
	}
	return m
}

// unchanged waits until the machine is as before: connections are closed by goroutines of
// their own.
func unchanged(t *testing.T, before machine) {
	t.Helper()
	diff := ""
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if diff = cmp.Diff(before, lookAtMachine(t)); diff == "" {
			return
		}
	}
	t.Errorf("the machine changed (-before +after):\n%s", diff)
}

// holders lists the threads and descriptors of all processes that hold one of
// the namespaces.
func holders(inodes []uint64) []string {
	var all []string
	threads, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range append(threads, descriptors...) {
		target, err := os.Readlink(link)
		if err != nil {
			continue
		}
		for _, inode := range inodes {
			if target == fmt.Sprintf("net:[%d]", inode) {
				all = append(all, link)
			}
		}
	}
	return all
}

func inodesOf(l *Lab) []uint64 {
	var all []uint64
	for _, h := range l.hosts() {
		all = append(all, h.inode)
	}
	return all
}

func TestCloseLeavesNothing(t *testing.T) {
	warm := newLab(t, Config{Nodes: 1}) // The runtime's own descriptors open once.
	useEverything(t, warm)
	if err := warm.Close(); err != nil {
		t.Fatal(err)
	}
	before := lookAtMachine(t)

	l := newLab(t, Config{Nodes: 2})
	inodes := inodesOf(l)
	orphan := useEverything(t, l)
	if len(holders(inodes)) == 0 {
		t.Fatal("the test cannot see who holds the namespaces")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before)
	eventually(t, "nobody holds a namespace", func() bool { return len(holders(inodes)) == 0 })
	if alive(orphan) {
		t.Errorf("process %s, which left its parent and session, still runs", orphan)
	}
}

// useEverything leaves open what a caller can leave open. It returns a process
// that a child left behind in a session of its own.
func useEverything(t *testing.T, l *Lab) (orphan string) {
	t.Helper()
	n, client := l.Nodes[0], l.Clients[0]
	if _, err := n.StartHTTP("0.0.0.0:80", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := n.StartUDPEcho("0.0.0.0:53"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Capture(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.RecordFDB(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.WatchHandshakes(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.StartTCPEcho("0.0.0.0:7"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Start("sleep", "1000"); err != nil {
		t.Fatal(err)
	}
	p, err := n.Start("sh", "-c", "setsid sleep 1000 & echo $!")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	get(t, client, netip.Addr{}, "http://"+n.Address.String()+"/")
	if orphan = p.Tail(100); !alive(orphan) {
		t.Fatalf("the orphan %q does not run", orphan)
	}
	return orphan
}

// alive tells whether a process runs; a zombie does not.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// report is what the helper process says of its lab.
type report struct {
	Dir      string
	Children []int
	Inodes   []uint64
}

// helper builds a lab, says what is in it and waits for its SIGKILL.
func helper() int {
	l, err := New(context.Background(), Config{Nodes: 2})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	r := report{Dir: l.Dir, Inodes: inodesOf(l)}
	for _, n := range l.Nodes {
		p, err := n.Start("sleep", "1000")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		r.Children = append(r.Children, p.Pid)
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return 1
	}
	time.Sleep(time.Minute)
	return 1
}

func TestSIGKILLLeavesNothing(t *testing.T) {
	if err := Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	before := lookAtMachine(t)
	r := killHelper(t)
	for _, pid := range r.Children {
		eventually(t, fmt.Sprintf("child process %d is gone", pid), func() bool { return !alive(fmt.Sprint(pid)) })
	}
	eventually(t, "nobody holds a namespace", func() bool { return len(holders(r.Inodes)) == 0 })
	unchanged(t, before)

	if _, err := os.Stat(r.Dir); err != nil {
		t.Fatalf("the directory should wait for the next lab: %v", err)
	}
	newLab(t, Config{Nodes: 1})
	if _, err := os.Stat(r.Dir); !os.IsNotExist(err) {
		t.Errorf("the next lab left the directory: %v", err)
	}
}

// killHelper runs the helper until its lab stands, then kills it.
func killHelper(t *testing.T) report {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVariable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(out).ReadBytes('\n')
	var r report
	if readErr == nil {
		readErr = json.Unmarshal(line, &r)
	}
	if readErr == nil && (len(holders(r.Inodes)) == 0 || !alive(fmt.Sprint(r.Children[0]))) {
		readErr = fmt.Errorf("the helper's lab is not there: %+v", r)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // Always "signal: killed".
	if readErr != nil {
		t.Fatal(readErr)
	}
	return r
}
