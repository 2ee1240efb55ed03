package console

import (
	"context"
	"net/http"
	"time"
)

// status answers GET /v1/status.
func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, s.farm.Status())
	return nil
}

// where answers GET /v1/where.
func (s *Server) where(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "client", "port", "rule")
	if err != nil {
		return err
	}
	client, err := q.client()
	if err != nil {
		return err
	}
	port, err := q.number("port", 16)
	if err != nil {
		return err
	}
	answer, err := s.farm.Where(client, uint16(port), q.Get("rule"))
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// change answers a POST that changes the node's state.
func (s *Server) change(act func(context.Context) error) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := parameters(r); err != nil {
			return err
		}
		return carryOut(w, r, act)
	}
}

// stop answers POST /v1/node/stop.
func (s *Server) stop(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "force")
	if err != nil {
		return err
	}
	force, err := q.flag("force")
	if err != nil {
		return err
	}
	return carryOut(w, r, func(ctx context.Context) error { return s.farm.Stop(ctx, force) })
}

// drain answers POST /v1/node/drain.
func (s *Server) drain(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "deadline_ms")
	if err != nil {
		return err
	}
	ms, err := q.number("deadline_ms", 42) // as many milliseconds as a Duration has
	if err != nil {
		return err
	}
	return carryOut(w, r, func(ctx context.Context) error {
		return s.farm.Drain(ctx, time.Duration(ms)*time.Millisecond)
	})
}

// carryOut lets a command take as long as it needs.
func carryOut(w http.ResponseWriter, r *http.Request, act func(context.Context) error) error {
	if _, err := unhurried(w); err != nil {
		return err
	}
	if err := act(r.Context()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// events answers GET /v1/events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "since", "follow")
	if err != nil {
		return err
	}
	// A browser that was cut off names the last event it got by this header.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.Set("since", last)
	}
	since, err := q.number("since", 64)
	if err != nil {
		return err
	}
	follow, err := q.flag("follow")
	if err != nil {
		return err
	}
	if follow {
		return s.follow(w, r, since)
	}
	s.reply(w, r, http.StatusOK, present(s.log.Since(since)))
	return nil
}

// follow sends events as they come, until the client leaves or the server shuts
// down.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, since uint64) error {
	rc, err := unhurried(w)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(s.closing, func() {
		_ = rc.SetWriteDeadline(time.Now().Add(closingGrace))
		cancel()
	})
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	sendEvents(ctx, w, rc.Flush, s.log.Follow(since))
	return nil
}
