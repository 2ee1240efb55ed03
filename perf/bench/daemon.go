package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"thresher/perf/engine"
	"thresher/perf/report"
)

const (
	cpu = "cpu"
	rss = "rss"
	// calm is how long a farm is left alone before its rest is measured: what
	// joining it causes is over then.
	calm = 2 * time.Second
	// restTime is how long rest is measured at least, for the timers of profile lan have
	// periods of up to a second, and restRuns how often at most.
	restTime = 3 * time.Second
	restRuns = 4
)

// daemonTrial is a farm's daemons at rest.
type daemonTrial struct {
	bed  *engine.Testbed
	time time.Duration
}

func startDaemons(ctx context.Context, e engine.Engine, s engine.Setup, d time.Duration) (trial, error) {
	bed, err := e.Start(ctx, s)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(calm):
		return &daemonTrial{bed, d}, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), bed.Close())
	}
}

// measure takes the mean of all daemons.
func (t *daemonTrial) measure(ctx context.Context) (sample, error) {
	start := time.Now()
	before, err := t.processorTime()
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(t.time):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := t.processorTime()
	if err != nil {
		return nil, err
	}
	elapsed, n := time.Since(start), float64(len(t.bed.Daemons))
	s := sample{cpu: 100 * (after - before).Seconds() / elapsed.Seconds() / n}
	for _, d := range t.bed.Daemons {
		u, err := d.Usage()
		if err != nil {
			return nil, err
		}
		s[rss] += float64(u.Resident) / 1e6 / n
	}
	return s, nil
}

// processorTime is what all daemons together have used so far. The process's
// clock has nanoseconds where /proc/PID/stat has ticks of 10 ms.
func (t *daemonTrial) processorTime() (sum time.Duration, err error) {
	for _, d := range t.bed.Daemons {
		// A process's CPU clock: MAKE_PROCESS_CPUCLOCK of
		// linux/posix-timers.h with CPUCLOCK_SCHED (clock_getcpuclockid(3)).
		clock := int32(^d.Pid<<3 | 2)
		var used unix.Timespec
		if err := unix.ClockGettime(clock, &used); err != nil {
			return 0, fmt.Errorf("read the CPU time of daemon %d: %w", d.Pid, err)
		}
		sum += time.Duration(used.Nano())
	}
	return sum, nil
}

func (t *daemonTrial) close() error { return t.bed.Close() }

// daemonRows are daemons at rest, at the offload that users have and at none.
func daemonRows(o Options, s engine.Setup, d time.Duration) []row {
	var rows []row
	s.Share = engine.Share{Mine: 1, Of: 1}
	for _, e := range pick(o, engine.Full, engine.None) {
		rows = append(rows, row{e.Name, e.Title, func(ctx context.Context) (trial, error) {
			return startDaemons(ctx, e, s, d)
		}})
	}
	return rows
}

func idleScenario() scenario {
	return scenario{
		name: "idle", title: "processor time and memory of a daemon at rest",
		maxRuns: restRuns,
		method: "The mean of all daemons of a farm without traffic. A farm of one has nobody to gossip with, and with profile wan " +
			"it sends four heartbeats a second that nobody answers: the data path and the daemon, all but alone.",
		metrics: []report.Metric{
			{Name: cpu, Title: "CPU", Unit: "% of a core", Better: report.Less},
			{Name: rss, Title: "RSS", Unit: "MB", Better: report.Less, Brief: true},
		},
		groups: func(o Options) (groups []group) {
			for _, c := range []struct {
				nodes   int
				profile string
			}{{1, "wan"}, {3, "lan"}, {3, "fast"}, {3, "fastest"}} {
				groups = append(groups, group{
					label: fmt.Sprintf("%s, %s", plural(c.nodes, "node"), c.profile),
					rows:  daemonRows(o, engine.Setup{Nodes: c.nodes, Profile: c.profile}, max(restTime, o.Time)),
				})
			}
			return groups
		},
	}
}

func memoryScenario() scenario {
	return scenario{
		name: "memory", title: "memory of a node by rules and queues",
		method: "Resident memory of a daemon of a farm of one, soon after its start, without traffic. The packet memory of a " +
			"queue is the process's own; the kernel's maps and rings are not counted in.",
		metrics: []report.Metric{{Name: rss, Title: "RSS", Unit: "MB", Better: report.Less}},
		groups: func(o Options) (groups []group) {
			for _, c := range []struct{ rules, queues int }{{1, 1}, {16, 1}, {128, 1}, {1, 2}, {1, 4}, {1, 8}, {128, 8}} {
				groups = append(groups, group{
					label: fmt.Sprintf("%s, %s", plural(c.rules, "rule"), plural(c.queues, "queue")),
					rows:  daemonRows(o, engine.Setup{Rules: c.rules, Queues: c.queues}, o.Time/10),
				})
			}
			return groups
		},
	}
}
