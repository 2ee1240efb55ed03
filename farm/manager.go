package farm

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"thresher/console"
)

// manager tells the service manager of the daemon, as sd_notify(3) has it: that it
// runs, in one line how it is, and again and again that it is not stuck.
type manager struct {
	// send passes on a message; nothing listens where the daemon runs by itself.
	send func(message string) error
	// feed is how often the watchdog must be fed; 0 if there is none.
	feed time.Duration
	log  *slog.Logger

	ready bool
	shown string
}

// usualReport is how often the status line is looked at without a watchdog.
const usualReport = 2 * time.Second

func newManager(log *slog.Logger) *manager {
	m := &manager{log: log, send: func(message string) error {
		_, err := daemon.SdNotify(false, message)
		return err
	}}
	// A third, so that two reports may be late (sd_watchdog_enabled(3) says half).
	if limit, err := daemon.SdWatchdogEnabled(false); err != nil {
		log.Warn("the watchdog of the service manager is not fed", "err", err)
	} else {
		m.feed = limit / 3
	}
	return m
}

// run reports until ctx is done. pulse goes through every goroutine that the node
// cannot serve without, and returns the node's state: a daemon in which one of them
// is stuck is not reported, so that the service manager ends and restarts it. The
// confirmation's goroutine is one of them: as long as it turns, the lease is renewed
// whenever the protocol allows it. A lease that the other nodes withhold is theirs
// to give, and no restart here would bring it back.
func (m *manager) run(ctx context.Context, pulse func(context.Context) (standing, error)) {
	every := usualReport
	if m.feed > 0 {
		every = min(every, m.feed)
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if status, err := pulse(ctx); err == nil {
			m.report(status)
		}
		select {
		case <-ctx.Done():
			m.tell(daemon.SdNotifyStopping)
			return
		case <-ticker.C:
		}
	}
}

// report sends what is new, and feeds the watchdog.
func (m *manager) report(s standing) {
	if line := statusLine(s); line != m.shown {
		m.shown = line
		m.tell("STATUS=" + line)
	}
	if !m.ready {
		m.ready = true
		m.tell(daemon.SdNotifyReady)
	}
	if m.feed > 0 {
		m.tell(daemon.SdNotifyWatchdog)
	}
}

func (m *manager) tell(message string) {
	if err := m.send(message); err != nil {
		m.log.Warn("the service manager was not told", "message", message, "err", err)
	}
}

// standing is what the service manager is told of a node: a part of its status that
// costs nothing to know.
type standing struct {
	node      string
	state     console.NodeState
	reason    string
	fenced    string
	up, nodes int // of the farm's nodes
}

// statusLine says in one line how the node is.
func statusLine(s standing) string {
	line := fmt.Sprintf("%s is %s, %d of %d nodes up", s.node, s.state, s.up, s.nodes)
	if s.reason != "" {
		line += ": " + s.reason
	}
	if s.fenced != "" {
		line += ": lets nothing new in: " + s.fenced
	}
	return line
}

// standing is asked for on the loop's goroutine.
func (l *local) standing() standing {
	s := standing{node: l.cfg.Node, state: l.life.state, reason: l.life.reason, fenced: l.fence.why, nodes: len(l.roster.nodes)}
	for _, e := range l.roster.nodes {
		if e.state == console.Up {
			s.up++
		}
	}
	return s
}

// manage reports to the service manager until ctx is done.
func (l *local) manage(ctx context.Context) {
	newManager(l.log).run(ctx, func(ctx context.Context) (s standing, err error) {
		// The loop settles after what it was asked for, and asks the confirmation
		// there: when do returns, both have turned.
		err = l.do(ctx, func() { s = l.standing() })
		return s, err
	})
}
