package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// endpoint answers one request, or says why it can't. It returns an error only
// before it has written anything.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// routes is the API's table of contents. Method patterns of http.ServeMux are not
// used: its own 404 and 405 are plain text, ours are Errors.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(method, path string, e endpoint) {
		mux.Handle(path, s.handler(only(method, e)))
	}
	handle(http.MethodGet, "/v1/status", s.status)
	handle(http.MethodGet, "/v1/where", s.where)
	handle(http.MethodGet, "/v1/events", s.events)
	handle(http.MethodPost, "/v1/node/start", s.change(s.farm.Start))
	handle(http.MethodPost, "/v1/node/stop", s.stop)
	handle(http.MethodPost, "/v1/node/cordon", s.change(s.farm.Cordon))
	handle(http.MethodPost, "/v1/node/uncordon", s.change(s.farm.Uncordon))
	handle(http.MethodPost, "/v1/node/suspend", s.change(func(ctx context.Context) error { return s.farm.Suspend(ctx, true) }))
	handle(http.MethodPost, "/v1/node/resume", s.change(func(ctx context.Context) error { return s.farm.Suspend(ctx, false) }))
	handle(http.MethodPost, "/v1/node/reset", s.change(s.farm.Reset))
	handle(http.MethodPost, "/v1/node/drain", s.drain)
	handle(http.MethodPost, "/v1/node/restart", s.restart)
	handle(http.MethodPost, "/v1/node/reload", s.reload)
	handle(http.MethodPost, "/v1/node/weight", s.weight)
	mux.Handle("/", s.handler(noSuchPath))
	return mux
}

// handler limits and reads off the request's body, which no endpoint wants, and
// renders the endpoint's error.
func (s *Server) handler(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := discardBody(w, r)
		if err == nil {
			err = e(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// discardBody reads the body to its end. Until then net/http does not watch the
// connection, and would not notice a client that leaves.
func discardBody(w http.ResponseWriter, r *http.Request) error {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return &Error{
			Code:    CodeTooLarge,
			Message: fmt.Sprintf("the body is longer than %d bytes", tooLong.Limit),
			Cure:    "send no body: no request of this API has one",
		}
	}
	if err != nil {
		return &Error{Code: CodeBadRequest, Message: fmt.Sprintf("the body can't be read: %v", err)}
	}
	return nil
}

// only refuses every method but one. HEAD goes where GET goes.
func only(method string, e endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == method || r.Method == http.MethodHead && method == http.MethodGet {
			return e(w, r)
		}
		allow := method
		if method == http.MethodGet {
			allow = "GET, HEAD"
		}
		w.Header().Set("Allow", allow)
		return &Error{
			Code:    CodeMethodNotAllowed,
			Message: fmt.Sprintf("%s does not take %s", r.URL.Path, r.Method),
			Cure:    "use " + method,
		}
	}
}

// noSuchPath answers whatever no other endpoint does.
func noSuchPath(_ http.ResponseWriter, r *http.Request) error {
	return &Error{
		Code:    CodeNotFound,
		Message: fmt.Sprintf("there is no %s in this API", r.URL.Path),
		Cure:    "the paths are /v1/status, /v1/where, /v1/events, /v1/node/start, /v1/node/drain, /v1/node/reload, /v1/node/restart, /v1/node/stop and /v1/node/weight",
	}
}

// fail renders every error that leaves the API.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: CodeInternal, Message: err.Error()}
	}
	status := httpStatus(e.Code)
	// A request that its own client gave up is no failure of the daemon's.
	if status == http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.logger.Error("API request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	s.reply(w, r, status, e)
}

// reply sends v as JSON. It is rendered first: what can't be rendered is an error
// of the daemon, not half an answer.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.fail(w, r, fmt.Errorf("render the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may have gone; there is nobody left to tell.
	_, _ = w.Write(append(body, '\n'))
}

// unhurried lifts the server's time limits from a request that may rightly take
// long. Without it the read limit would end the request's context.
func unhurried(w http.ResponseWriter) (*http.ResponseController, error) {
	rc := http.NewResponseController(w)
	err := errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}))
	if err != nil {
		return nil, fmt.Errorf("lift the request's time limits: %w", err)
	}
	return rc, nil
}
