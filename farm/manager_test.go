package farm

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
	"thresher/console"
)

// reports are what a manager of that watchdog was told within a while by a daemon
// that gets stuck.
func reports(t *testing.T, watchdog, while, stuck time.Duration) (messages []string) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{feed: watchdog, log: slog.New(slog.DiscardHandler), send: func(message string) error {
			messages = append(messages, message)
			return nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), while)
		defer cancel()
		begin := time.Now()
		m.run(ctx, func(ctx context.Context) (standing, error) {
			s := standing{node: "web1", state: console.Starting, up: 1, nodes: 2}
			switch now := time.Since(begin); {
			case now >= stuck:
				<-ctx.Done()
				return s, ctx.Err()
			case now >= 1500*time.Millisecond:
				s.state, s.up = console.Up, 2
			}
			return s, nil
		})
	})
	return messages
}

// A daemon is ready once, says its state when it changes, and is silent when one of
// its goroutines is stuck, so that the watchdog bites.
func TestManagerIsTold(t *testing.T) {
	got := reports(t, time.Second, 10*time.Second, 3500*time.Millisecond)
	want := []string{
		"STATUS=web1 is starting, 1 of 2 nodes up", "READY=1", "WATCHDOG=1", "WATCHDOG=1",
		"STATUS=web1 is up, 2 of 2 nodes up", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManagerWithoutWatchdog(t *testing.T) {
	got := reports(t, 0, 5*time.Second, time.Hour)
	want := []string{"STATUS=web1 is starting, 1 of 2 nodes up", "READY=1", "STATUS=web1 is up, 2 of 2 nodes up", "STOPPING=1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What can't be told is no reason to end.
func TestManagerThatDoesNotListen(t *testing.T) {
	m := &manager{log: slog.New(slog.DiscardHandler), send: func(string) error { return errors.New("gone") }}
	m.report(standing{node: "web1", state: console.Stopped, reason: "an operator has stopped it"})
	if m.shown != "web1 is stopped, 0 of 0 nodes up: an operator has stopped it" {
		t.Error(m.shown)
	}
}

func TestStandingCountsNodes(t *testing.T) {
	l := &local{cfg: &config.Config{Node: "web1"}, life: newLife(), roster: newRoster("web1", 0)}
	for name, state := range map[string]console.NodeState{"web1": console.Starting, "web2": console.Up, "web3": console.Unreachable} {
		l.roster.nodes[name] = rosterEntry{state: state}
	}
	if got, want := statusLine(l.standing()), "web1 is starting, 1 of 3 nodes up: joining the farm"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
