package manual

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"thresher/console"
	"thresher/internal/leftout"
	"thresher/internal/programtest"
	"thresher/perf/lab"
)

// binary is the program.
var binary string

func TestMain(m *testing.M) { leftout.Exit(programtest.Run(m, &binary)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pages are those of docs, the tutorial first: the others go on with its farm.
func pages(t *testing.T) []string {
	t.Helper()
	const tutorial = "../../docs/tutorial.md"
	list, err := filepath.Glob("../../docs/*.md")
	must(t, err)
	list = slices.DeleteFunc(list, func(path string) bool { return path == tutorial })
	return append([]string{tutorial}, list...)
}

// Every command of the pages is run or listed, and what is listed is there.
func TestEveryCommandIsRunOrListed(t *testing.T) {
	used := make(map[string]bool)
	for _, path := range pages(t) {
		blocks, err := readBlocks(path)
		must(t, err)
		for _, b := range blocks {
			for _, c := range b.commands() {
				why := reason(c.text)
				used[why] = true
				if why == "" && len(b.on) == 0 {
					t.Errorf("%s: %q is neither run nor listed: mark the block <!-- ci: web1 -->, or name a reason in leftOut", c.at, c.text)
				}
			}
		}
	}
	for _, e := range leftOut() {
		if !used[e.why] {
			t.Errorf("no page has a command that begins with %q", e.begins)
		}
	}
}

// TestCommands runs the pages as a new user would, the tutorial first.
func TestCommands(t *testing.T) {
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	m := newMachines(t)
	for _, path := range pages(t) {
		blocks, err := readBlocks(path)
		must(t, err)
		began := time.Now()
		for _, b := range blocks {
			m.runBlock(b)
		}
		if filepath.Base(path) == "tutorial.md" {
			m.isFarmOfThree()
		}
		t.Logf("%s: %v", filepath.Base(path), time.Since(began).Round(100*time.Millisecond))
	}
}

func (m *machines) runBlock(b block) {
	m.t.Helper()
	for _, on := range b.on {
		for _, c := range b.commands() {
			if reason(c.text) != "" {
				continue
			}
			began := time.Now()
			out, err := m.run(on, c.text)
			if err != nil {
				m.t.Fatalf("%s: %s# %s: %v", c.at, on, c.text, err)
			}
			m.t.Logf("%s: %s# %s (%v)\n%s", c.at, on, c.text, time.Since(began).Round(10*time.Millisecond), out)
		}
	}
}

// isFarmOfThree looks whether the tutorial has made what it promises.
func (m *machines) isFarmOfThree() {
	m.t.Helper()
	out, err := m.run("web1", "thresher status --json")
	must(m.t, err)
	var s console.Status
	must(m.t, json.Unmarshal([]byte(out), &s))
	for _, n := range s.Nodes {
		if share := n.Shares["web"]; n.State != console.Up || share < 0.3 || share > 0.37 {
			m.t.Errorf("%s is %s with a share of %.2f", n.Name, n.State, share)
		}
	}
	if len(s.Nodes) != 3 {
		m.t.Errorf("%d nodes", len(s.Nodes))
	}
}
