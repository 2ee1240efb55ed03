package console

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
)

// status answers GET /v1/status.
func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "follow")
	if err != nil {
		return err
	}
	follow, err := q.flag("follow")
	if err != nil {
		return err
	}
	if follow {
		return s.stream(w, r, s.own.send)
	}
	now := s.farm.Status()
	if err := now.answered(); err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, now)
	return nil
}

// where answers GET /v1/where: with one object by the rule that is named or the only
// one, otherwise with a list.
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
	if len(answer) == 1 {
		s.reply(w, r, http.StatusOK, answer[0])
	} else {
		s.reply(w, r, http.StatusOK, answer)
	}
	return nil
}

// nodeChange answers a POST that changes this node's state.
func (s *Server) nodeChange(action string, act func(context.Context) error) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := parameters(r); err != nil {
			return err
		}
		return s.carryOut(w, r, action, act)
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
	return s.carryOut(w, r, actionStop, func(ctx context.Context) error { return s.farm.Stop(ctx, force) })
}

// suspend has checks not count any more, or again.
func (s *Server) suspend(yes bool) func(context.Context) error {
	return func(ctx context.Context) error { return s.farm.Suspend(ctx, yes) }
}

// drain answers POST /v1/node/drain.
func (s *Server) drain(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "deadline_ms")
	if err != nil {
		return err
	}
	deadline, err := q.deadline()
	if err != nil {
		return err
	}
	return s.carryOut(w, r, actionDrain, func(ctx context.Context) error { return s.farm.Drain(ctx, deadline) })
}

// carryOut lets a command take as long as it needs, and writes down who gave it.
func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, action string, act func(context.Context) error) error {
	if _, err := unhurried(w); err != nil {
		return err
	}
	err := act(r.Context())
	s.audit(r, callerOf(r).who(), action, "", err)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// events answers GET /v1/events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "since", "follow", "kind")
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
	wanted := ofKinds(q.Get("kind"))
	if follow {
		return s.follow(w, r, since, wanted)
	}
	events := slices.DeleteFunc(s.log.Since(since), func(e Event) bool { return !wanted(e) })
	s.reply(w, r, http.StatusOK, present(events))
	return nil
}

// ofKinds picks events whose kind begins with one of a list's words; "" picks all. That
// some were lost everybody is told.
func ofKinds(list string) func(Event) bool {
	words := strings.Split(list, ",")
	return func(e Event) bool {
		return e.Kind == KindEventsLost || slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(e.Kind, word) })
	}
}

// follow sends events as they come.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, since uint64, wanted func(Event) bool) error {
	return s.stream(w, r, func(ctx context.Context, w io.Writer, rc *http.ResponseController) {
		flush := rc.Flush
		if callerOf(r).remote { // a terminal on this machine may be stopped for as long as its owner likes
			h := hurried{ctx, w, rc}
			w, flush = h, h.Flush
		}
		sendEvents(ctx, w, flush, s.log.Follow(since), wanted)
	})
}
