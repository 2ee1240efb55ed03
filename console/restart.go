package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The kinds of the events that a restart ends with: in the new process, or in the
// old one, which goes on.
const (
	KindRestarted     = "restarted"
	KindRestartFailed = "restart_failed"
)

const (
	// restartPatience is how long a client waits for a restart's begin, and then for
	// either: far beyond a start on a busy machine.
	restartPatience = time.Minute
	// restartLook is how often it looks.
	restartLook = 50 * time.Millisecond
)

// restart answers POST /v1/node/restart: 202 when the restart begins. The client
// learns its end from the events, for the process that it has asked is gone then.
func (s *Server) restart(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	rc, err := unhurried(w)
	if err != nil {
		return err
	}
	answered := false
	who := callerOf(r).who()
	err = s.farm.Restart(r.Context(), func() {
		answered = true
		s.audit(r, who, actionRestart, "", nil)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusAccepted)
		_ = rc.Flush() // the client may have gone
	})
	if answered && err != nil {
		s.logger.Error("restart failed", "error", err)
		return nil
	}
	s.audit(r, who, actionRestart, "", err)
	return err
}

// Restart runs the daemon's program anew, without a connection lost, and returns
// the event that says how it went.
func (c *Client) Restart(ctx context.Context) (Event, error) {
	since, err := c.lastEvent(ctx)
	if err != nil {
		return Event{}, err
	}
	if err := c.beginRestart(ctx); err != nil {
		return Event{}, err
	}
	return c.awaitRestart(ctx, since)
}

// beginRestart returns when the daemon says that the restart begins, which it has checked
// by then.
func (c *Client) beginRestart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	return c.tell(ctx, "/v1/node/restart", nil)
}

// awaitRestart is restarted with a bound on its patience.
func (c *Client) awaitRestart(ctx context.Context, since uint64) (Event, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, restartPatience,
		fmt.Errorf("it has not come within %v: see its log, and then thresher status", restartPatience))
	defer cancel()
	return c.restarted(ctx, since)
}

// lastEvent is the number of the newest event; 0 if there is none.
func (c *Client) lastEvent(ctx context.Context) (uint64, error) {
	events, err := c.Events(ctx, 0)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	return events[len(events)-1].Seq, nil
}

// restarted waits for the end of a restart. No answer means no more than that the
// one process is gone and the other not there yet.
func (c *Client) restarted(ctx context.Context, since uint64) (Event, error) {
	look := time.NewTicker(restartLook)
	defer look.Stop()
	for {
		events, err := c.Events(ctx, since)
		for _, e := range events {
			switch e.Kind {
			case KindRestarted:
				return e, nil
			case KindRestartFailed:
				return e, internal(errors.New(e.Message))
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return Event{}, errors.Join(fmt.Errorf("wait for the restarted daemon at %s: %w", c.api, context.Cause(ctx)), err)
		}
	}
}

// Resume puts the events of the process before this one into a log that has none
// yet, so that who follows them can go on: numbers go on from the last.
func (l *Log) Resume(events []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != 0 || len(events) == 0 {
		return
	}
	l.last = events[len(events)-1].Seq
	if events[0].Seq > l.oldest() {
		l.last = 0 // from a shorter log: there would be holes
		return
	}
	for _, e := range events {
		*l.at(e.Seq) = e
	}
}
