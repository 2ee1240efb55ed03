package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// machine is what a demo could leave on a machine. Other programs may run demos
// at the same time, so processes are those of our own binary, and directories
// those in a place of our own.
type machine struct {
	Links     []string // as `ip -o link` has them
	Netns     []string // as `ip netns` has them
	Mounts    string
	Processes []string
	Files     []string
}

// lookAt describes the machine. binary is the program that may have left
// processes, dir the place for its temporary files.
func lookAt(t *testing.T, binary, dir string) machine {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	m := machine{Mounts: string(mounts), Netns: glob(t, "/run/netns/*"), Files: glob(t, filepath.Join(dir, "*"))}
	for _, l := range links {
		a := l.Attrs()
		m.Links = append(m.Links, fmt.Sprint(a.Index, a.Name, a.MTU, a.HardwareAddr, a.Flags, a.MasterIndex))
	}
	for _, exe := range glob(t, "/proc/[0-9]*/exe") {
		if target, err := os.Readlink(exe); err == nil && target == binary {
			m.Processes = append(m.Processes, filepath.Dir(exe))
		}
	}
	return m
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// unchanged waits a moment for the machine to be as before: the kernel ends
// children of a killed process soon, but not before it.
func unchanged(t *testing.T, before machine, now func() machine) {
	t.Helper()
	diff := ""
	for range 100 {
		if diff = cmp.Diff(before, now()); diff == "" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the machine changed (-before +after):\n%s", diff)
}
