package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// A soak is a chaos of hours. Its first node keeps its process all the time, so that one sees
// whether that grows; only its last node is ever ended in order, so that the
// connections of the others must last.
type soak struct {
	lasting, mortal *lab.Node
	process         *lab.Process
	due             time.Time
	samples         []lab.Usage
	err             error
}

const (
	soakEvery = 10 * time.Second
	// soakEnough is how many samples tell growth from the noise of a garbage
	// collector: those of ten minutes.
	soakEnough = 60
	// What a process may grow from the second third to the last.
	soakMemory      = 4 << 20 // bytes
	soakThreads     = 2
	soakDescriptors = 4
)

func newSoak(f *farmtest.Farm) *soak {
	first := f.Nodes[0]
	return &soak{lasting: first, mortal: f.Nodes[len(f.Nodes)-1], process: f.Daemons[first.Name]}
}

// spares tells whether that node is not to have that fault.
func (s *soak) spares(n *lab.Node, fault string) bool {
	switch fault {
	case "end":
		return n != s.mortal
	case "kill", "restart":
		return n == s.lasting
	}
	return false
}

// sample notes what the lasting process holds, when it is time to.
func (s *soak) sample(now time.Time) {
	if s.err != nil || now.Before(s.due) {
		return
	}
	s.due = now.Add(soakEvery)
	var u lab.Usage
	if u, s.err = s.process.Usage(); s.err == nil {
		s.samples = append(s.samples, u)
	}
}

// check holds that the process did not grow.
func (s *soak) check(t *testing.T) {
	t.Helper()
	if s.err != nil {
		t.Error(s.err)
	}
	if len(s.samples) == 0 {
		t.Fatal("not one sample of what the daemon holds")
	}
	t.Logf("%s, every %v, first to last: %s", s.lasting.Name, soakEvery, sketch(s.samples))
	if len(s.samples) < soakEnough {
		t.Logf("%d samples: too few to say whether it grows", len(s.samples))
		return
	}
	if why := grown(s.samples); why != "" {
		t.Errorf("%s grew: %s", s.lasting.Name, why)
	}
}

// grown tells what there is more of in the last third than in the second; the
// first third warms up.
func grown(samples []lab.Usage) string {
	n := len(samples)
	before, after := medians(samples[n/3:2*n/3]), medians(samples[2*n/3:])
	switch {
	case after.Resident > before.Resident+soakMemory:
		return fmt.Sprintf("memory from %d to %d bytes", before.Resident, after.Resident)
	case after.Threads > before.Threads+soakThreads:
		return fmt.Sprintf("from %d to %d threads", before.Threads, after.Threads)
	case after.Descriptors > before.Descriptors+soakDescriptors:
		return fmt.Sprintf("from %d to %d descriptors", before.Descriptors, after.Descriptors)
	}
	return ""
}

// medians are each figure's own.
func medians(samples []lab.Usage) lab.Usage {
	var memory []int64
	var threads, descriptors []int
	for _, u := range samples {
		memory, threads, descriptors = append(memory, u.Resident), append(threads, u.Threads), append(descriptors, u.Descriptors)
	}
	slices.Sort(memory)
	slices.Sort(threads)
	slices.Sort(descriptors)
	half := len(samples) / 2
	return lab.Usage{Resident: memory[half], Threads: threads[half], Descriptors: descriptors[half]}
}

// sketch is the medians of six parts.
func sketch(samples []lab.Usage) (text string) {
	const parts = 6
	for i := range parts {
		part := samples[i*len(samples)/parts : (i+1)*len(samples)/parts]
		if len(part) == 0 {
			continue
		}
		u := medians(part)
		text += fmt.Sprintf("%.1f MB, %d threads, %d descriptors; ", float64(u.Resident)/1e6, u.Threads, u.Descriptors)
	}
	return text
}

func TestGrown(t *testing.T) {
	run := func(step lab.Usage) []lab.Usage {
		samples := make([]lab.Usage, soakEnough)
		for i := range samples {
			noise := i % 3
			samples[i] = lab.Usage{
				Resident: 50<<20 + int64(noise)<<20 + int64(i)*step.Resident,
				Threads:  9 + noise + i*step.Threads, Descriptors: 40 + noise + i*step.Descriptors,
			}
		}
		return samples
	}
	for _, c := range []struct {
		name  string
		step  lab.Usage
		grown bool
	}{
		{"flat", lab.Usage{}, false},
		{"memory", lab.Usage{Resident: 300 << 10}, true},
		{"threads", lab.Usage{Threads: 1}, true},
		{"descriptors", lab.Usage{Descriptors: 1}, true},
	} {
		if got := grown(run(c.step)); (got != "") != c.grown {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
