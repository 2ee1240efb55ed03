package lab

import "testing"

func TestParseUsage(t *testing.T) {
	got, err := parseUsage([]byte("Name:\tthresher\nVmRSS:\t   36600 kB\nThreads:\t9\n"))
	if want := (Usage{Resident: 36600 * 1024, Threads: 9}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "VmRSS:\t1 kB\n", "VmRSS:\tmuch kB\nThreads:\t9\n"} {
		if got, err := parseUsage([]byte(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}

func TestUsageOfAProcess(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	p := start(t, l.Nodes[0], "exec 7</dev/null; echo ready; sleep 60")
	eventually(t, "the shell has opened its file", func() bool {
		u, err := p.Usage()
		return err == nil && u.Descriptors >= 4 && u.Threads == 1 && u.Resident > 0
	})
}
