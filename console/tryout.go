package console

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// trialLook is how often a node looks how a trial goes.
	trialLook = 250 * time.Millisecond
	// trialAgain is how long after the end of a trial has failed it is tried again: what
	// it fails for, such as a full disk, does not go by itself.
	trialAgain = 10 * time.Second
)

// tryOut watches the trials of this node for as long as the server lives.
func (s *Server) tryOut(ctx context.Context) {
	tick := time.NewTicker(trialLook)
	defer tick.Stop()
	var w trialWatch
	var again time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		t := s.farm.Trial()
		if t.ID == "" || t.Decided() {
			s.trial.Store(nil)
			continue
		}
		if w.trial.ID != t.ID {
			w = trialWatch{trial: t}
		}
		own := s.farm.Status()
		next := w.look(time.Now(), own, s.hearTrial(ctx, own, t))
		s.trial.Store(&next)
		if !next.Decided() || ctx.Err() != nil || time.Now().Before(again) {
			continue
		}
		if err := s.farm.EndTrial(ctx, next); err != nil {
			s.logger.Error("the trial of a configuration can't be ended", "state", next.State, "error", err)
			again = time.Now().Add(trialAgain)
		}
	}
}

// hearTrial asks the others that take part.
func (s *Server) hearTrial(ctx context.Context, own Status, t Trial) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, farmTimeout)
	defer cancel()
	heard := make(map[string]string)
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, n := range own.Nodes {
		if n.Name == own.Node || !slices.Contains(t.Nodes, n.Name) {
			continue
		}
		asking.Go(func() {
			c, err := s.peers.client(n, "")
			if err != nil {
				return
			}
			if theirs, err := c.Trial(ctx, ""); err == nil {
				mu.Lock()
				defer mu.Unlock()
				heard[n.Name] = theirs.StateOf(t.ID)
			}
		})
	}
	asking.Wait()
	return heard
}

// showTrial answers GET /v1/trial.
func (s *Server) showTrial(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, s.currentTrial())
	return nil
}

// currentTrial is the farm's, with what this node says of it by now.
func (s *Server) currentTrial() Trial {
	t := s.farm.Trial()
	if t.ID == "" {
		return Trial{Nodes: []string{}, Before: HealthOf(Status{})}
	}
	if seen := s.trial.Load(); seen != nil && seen.ID == t.ID && !t.Decided() && !seen.Decided() {
		return *seen
	}
	return t
}

// errNoTrial answers who wants to end a trial that is not.
var errNoTrial = &Error{Code: CodeConflict, Message: "no configuration is on trial here", Cure: "GET /v1/trial (thresher config trial) says how the last trial ended"}

// undoTrial answers POST /v1/node/undo.
func (s *Server) undoTrial(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "id")
	if err != nil {
		return err
	}
	return s.carryOut(w, r, "undo", func(ctx context.Context) error {
		return s.endTrial(ctx, q.Get("id"), "undone by "+callerOf(r).who())
	})
}

// endTrial has the configuration before be in force again. The other nodes follow
// when they hear it.
func (s *Server) endTrial(ctx context.Context, id, why string) error {
	t := s.farm.Trial()
	if t.ID == "" || t.Decided() || id != "" && id != t.ID {
		return errNoTrial
	}
	t.State, t.Reason = TrialUndone, why
	return s.farm.EndTrial(ctx, t)
}

// Trial asks how a node's last trial of a configuration has gone; the daemon's own
// node's if it is "".
func (c *Client) Trial(ctx context.Context, node string) (t Trial, err error) {
	err = c.ask(ctx, "/v1/trial", atNode(node), &t)
	return t, err
}

// UndoTrial has the configuration before be in force again; "" is whichever is on
// trial.
func (c *Client) UndoTrial(ctx context.Context, id string) error {
	q := map[string][]string{}
	if id != "" {
		q["id"] = []string{id}
	}
	return c.tell(ctx, "/v1/node/undo", q)
}
