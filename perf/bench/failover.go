package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"thresher/perf/lab"
	"thresher/perf/report"
	clients "thresher/perf/traffic"
)

// The metrics of a failover.
const (
	blackout = "blackout"
	unserved = "unserved"
	errored  = "errored"
	broken   = "broken"
)

// How a failover is watched.
const (
	failoverNodes = 3
	// requestRate is in requests a second: each is a connection with one echo.
	requestRate = 500
	// failoverKept are connections that were there before.
	failoverKept = 90
	// prompt is how long a request may take that noticed nothing. A SYN that was
	// lost is sent again after 1 s (RFC 6298).
	prompt = 500 * time.Millisecond
	// failoverBefore and failoverAfter are how long requests are watched around
	// the event.
	failoverBefore, failoverAfter = time.Second, 5 * time.Second
	// repairAfter is when what has happened is undone that would not undo itself.
	repairAfter = 3 * time.Second
	// requestPatience is how long a request may take at all.
	requestPatience = 4 * time.Second
	// failoverSlot is the timeline's.
	failoverSlot = 10 * time.Millisecond
	// failoverRuns is how often each event is watched at most: one takes 10 s.
	failoverRuns = 2
)

// event is something that happens to one node.
type event struct {
	name, title string
	// happen and repair are methods of the farm: happen lets it happen, repair undoes it: at repairAfter where early is set,
	// else when nobody looks any more.
	happen, repair func(f *failoverFarm, ctx context.Context, n *lab.Node) error
	early          bool
}

// failoverEvents are what is compared.
func failoverEvents() []event {
	nothing := func(*failoverFarm, context.Context, *lab.Node) error { return nil }
	return []event{
		{"crash", "a node loses its power", (*failoverFarm).powerOff, (*failoverFarm).powerOn, false},
		{"hang", "a node's daemon stands still for 3 s", (*failoverFarm).hang, (*failoverFarm).resume, true},
		{"link cut", "a node's cable is out for 3 s", (*failoverFarm).unplug, (*failoverFarm).plug, true},
		{"drain", "a node is taken out by command, and put back after 3 s", (*failoverFarm).takeOut, (*failoverFarm).putBack, true},
		{"restart", "a node's daemon is restarted by command", (*failoverFarm).restart, nothing, false},
	}
}

func failoverScenario() scenario {
	return scenario{
		name: "failover", title: "requests around a failure and a planned change",
		method: fmt.Sprintf("A farm of %d nodes with an echo server each. A client opens %d connections a second, each with one echo, and "+
			"holds %d. After %v something happens to one node: with VRRP to the master, which serves all clients; with Thresher to "+
			"any, since each serves a third. A request counts as not served if it took longer than %v, or failed. The blackout is "+
			"from the first of these to the last. The plots show a run: for each %v how many requests were begun then and served promptly.",
			failoverNodes, requestRate, failoverKept, failoverBefore, prompt, failoverSlot),
		metrics: []report.Metric{
			{Name: blackout, Title: "first to last request not served", Unit: "ms", Better: report.Less},
			{Name: unserved, Title: "not served", Unit: "% of 6 s", Better: report.Less, Brief: true},
			{Name: errored, Title: "failed", Unit: "%", Better: report.Less, Brief: true},
			{Name: broken, Title: "established connections lost", Unit: "%", Better: report.Less, Brief: true},
		},
		maxRuns: failoverRuns,
		groups: func(o Options) (groups []group) {
			for _, e := range failoverEvents() {
				g := group{label: e.name + ": " + e.title}
				for _, c := range contestants(o) {
					g.rows = append(g.rows, row{c.name, c.title, func(ctx context.Context) (trial, error) {
						return startFailover(ctx, c, e)
					}})
				}
				groups = append(groups, g)
			}
			return groups
		},
	}
}

// failoverTrial is a farm to which one thing happens again and again.
type failoverTrial struct {
	farm  *failoverFarm
	event event
	line  *report.Timeline
}

func startFailover(ctx context.Context, c contestant, e event) (trial, error) {
	f, err := newFailoverFarm(ctx, c)
	if err != nil {
		return nil, err
	}
	return &failoverTrial{farm: f, event: e}, nil
}

func (t *failoverTrial) close() error { return t.farm.Close() }

// timeline is that of the last run.
func (t *failoverTrial) timeline() *report.Timeline { return t.line }

// measure watches the event once, and waits until the farm is whole again.
func (t *failoverTrial) measure(ctx context.Context) (sample, error) {
	client := t.farm.Clients[0]
	kept, err := clients.Keep(ctx, client, clients.KeepOptions{To: echoService, Busy: failoverKept, Patience: requestPatience})
	if err != nil {
		return nil, err
	}
	connector := clients.Connect(ctx, client, clients.ConnectOptions{To: echoService, Rate: requestRate, Patience: requestPatience})
	at, err := t.during(ctx)
	visits, stopErr := connector.Stop()
	keptReport, keptErr := kept.Finish(ctx)
	if err := errors.Join(err, stopErr, keptErr); err != nil {
		return nil, err
	}
	if !t.event.early {
		if err := t.event.repair(t.farm, ctx, t.farm.struck); err != nil {
			return nil, err
		}
	}
	if err := t.farm.awaitWhole(ctx); err != nil {
		return nil, err
	}
	s, line := judgeRequests(visits, at)
	s[broken] = 100 * float64(len(keptReport.Broken)) / float64(keptReport.Connections)
	t.line = line
	return s, nil
}

// during lets the event happen while the clients run, and returns when that was.
func (t *failoverTrial) during(ctx context.Context) (at time.Time, err error) {
	if err := pause(ctx, failoverBefore); err != nil {
		return at, err
	}
	if t.farm.struck, err = t.farm.victim(ctx); err != nil {
		return at, err
	}
	at = time.Now()
	if err := t.event.happen(t.farm, ctx, t.farm.struck); err != nil {
		return at, err
	}
	if t.event.early {
		if err := pause(ctx, time.Until(at.Add(repairAfter))); err != nil {
			return at, err
		}
		if err := t.event.repair(t.farm, ctx, t.farm.struck); err != nil {
			return at, err
		}
	}
	return at, pause(ctx, time.Until(at.Add(failoverAfter)))
}

// judgeRequests computes the figures of one run, of the requests from failoverBefore
// before the event to failoverAfter after it.
func judgeRequests(visits []clients.Connection, at time.Time) (sample, *report.Timeline) {
	from := at.Add(-failoverBefore)
	slots := int((failoverBefore + failoverAfter) / failoverSlot)
	line := &report.Timeline{
		FromMS: -float64(failoverBefore.Milliseconds()), SlotMS: float64(failoverSlot.Milliseconds()),
		Begun: make([]int, slots), Served: make([]int, slots),
	}
	var first, last time.Time
	begun, late, failed := 0, 0, 0
	slices.SortFunc(visits, func(a, b clients.Connection) int { return a.Started.Compare(b.Started) })
	for _, v := range visits {
		slot := int(v.Started.Sub(from) / failoverSlot)
		if v.Started.Before(from) || slot >= slots {
			continue
		}
		begun++
		line.Begun[slot]++
		if v.Trouble != clients.None {
			failed++
		}
		if v.Trouble == clients.None && v.Opened+v.Echoed <= prompt {
			line.Served[slot]++
			continue
		}
		late++
		if first.IsZero() {
			first = v.Started
		}
		last = v.Started
	}
	if begun == 0 {
		return sample{}, line
	}
	return sample{
		blackout: float64(last.Sub(first).Microseconds()) / 1000,
		unserved: 100 * float64(late) / float64(begun),
		errored:  100 * float64(failed) / float64(begun),
	}, line
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
