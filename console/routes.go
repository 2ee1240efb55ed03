package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"thresher/console/access"
)

// endpoint answers one request, or says why it can't. It returns an error only
// before it has written anything.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// route is one thing that the API does.
type route struct {
	method, path string
	// needs is the least role that may; "" for everybody.
	needs access.Role
	// peers says that other nodes ask for it.
	peers bool
	// body says that the endpoint reads the request's body.
	body bool
	do   endpoint
}

// table is the API's table of contents.
func (s *Server) table() []route {
	get, post := http.MethodGet, http.MethodPost
	return []route{
		{get, "/v1/status", access.Monitor, true, false, s.at(s.status)},
		{get, "/v1/where", access.Monitor, true, false, s.at(s.where)},
		{get, "/v1/events", access.Monitor, true, false, s.at(s.events)},
		{get, "/v1/traffic", access.Monitor, true, false, s.at(s.showTraffic)},
		{get, "/v1/buckets", access.Monitor, true, false, s.at(s.buckets)},
		{post, "/v1/node/start", access.Control, true, false, s.nodeChange(actionStart, s.farm.Start)},
		{post, "/v1/node/stop", access.Control, true, false, s.stop},
		{post, "/v1/node/cordon", access.Control, true, false, s.nodeChange("cordon", s.farm.Cordon)},
		{post, "/v1/node/uncordon", access.Control, true, false, s.nodeChange("uncordon", s.farm.Uncordon)},
		{post, "/v1/node/suspend", access.Control, true, false, s.nodeChange("suspend", s.suspend(true))},
		{post, "/v1/node/resume", access.Control, true, false, s.nodeChange("resume", s.suspend(false))},
		{post, "/v1/node/reset", access.Control, true, false, s.nodeChange("reset", s.farm.Reset)},
		{post, "/v1/node/drain", access.Control, true, false, s.drain},
		{post, "/v1/node/restart", access.Control, true, false, s.restart},
		{post, "/v1/node/reload", access.Admin, true, false, s.reload},
		{post, "/v1/node/weight", access.Control, true, false, s.weight},
		{post, "/v1/node/capture", access.Admin, false, false, s.capture},
		{get, "/v1/farm", access.Monitor, false, false, s.farmStatus},
		{post, "/v1/farm/start", access.Control, false, false, s.farmChange(actionStart)},
		{post, "/v1/farm/stop", access.Control, false, false, s.farmChange(actionStop)},
		{post, "/v1/farm/drain", access.Control, false, false, s.farmChange(actionDrain)},
		{post, "/v1/farm/restart", access.Control, false, false, s.farmChange(actionRestart)},
		{post, "/v1/farm/weight", access.Control, false, false, s.farmChange(actionWeight)},
		{get, "/v1/config", access.Admin, true, false, s.at(s.configuration)},
		{get, "/v1/config/schema", access.Monitor, false, false, s.configSchema},
		{http.MethodPut, "/v1/config", access.Admin, false, true, s.changeConfig},
		{http.MethodPut, "/v1/node/config", access.Admin, true, true, s.nodeConfig},
		{get, "/v1/trial", access.Monitor, true, false, s.at(s.showTrial)},
		{post, "/v1/node/undo", access.Admin, true, false, s.undoTrial},
		{get, "/v1/keys", access.Monitor, false, false, s.showKeys},
		{post, "/v1/keys", access.Admin, false, false, s.changeKeys},
		{post, "/v1/invitations", access.Admin, false, false, s.invite},
		{get, "/v1/session", "", false, false, s.session},
		{post, "/v1/session", "", false, true, s.login},
		{post, "/v1/session/oidc", "", false, false, s.beginOIDC},
		{http.MethodPut, "/v1/session/oidc", "", false, true, s.finishOIDC},
		{http.MethodDelete, "/v1/session", access.Monitor, false, false, s.logout},
		{get, "/v1/openapi.json", "", false, false, s.document},
		{get, "/metrics", access.Monitor, false, false, s.showMetrics},
	}
}

// routes answers those routes of the table that are wanted, and where they all are
// the console's pages. Method patterns of http.ServeMux are not used: its own 404
// and 405 are plain text, ours are Errors.
func (s *Server) routes(wanted func(route) bool) http.Handler {
	mux := http.NewServeMux()
	missing := s.handler([]route{{do: noSuchPath}})
	paths := make(map[string][]route)
	all := true
	for _, r := range s.table() {
		if wanted(r) {
			paths[r.path] = append(paths[r.path], r)
		} else {
			all = false
		}
	}
	for at, methods := range paths {
		mux.Handle(at, s.handler(methods))
	}
	if all {
		s.pages(mux)
	} else {
		mux.Handle("/", missing)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isClean(r.URL.Path) {
			mux.ServeHTTP(w, r)
		} else {
			missing.ServeHTTP(w, r)
		}
	})
}

// isClean tells whether ServeMux would take a path as it is: others it sends elsewhere, in
// HTML.
func isClean(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == clean || p == clean+"/")
}

// choose finds the route for a method. HEAD goes where GET goes.
func choose(r *http.Request, methods []route) (route, error) {
	if methods[0].method == "" {
		return methods[0], nil
	}
	var allow []string
	for _, one := range methods {
		if r.Method == one.method || r.Method == http.MethodHead && one.method == http.MethodGet {
			return one, nil
		}
		allow = append(allow, one.method)
		if one.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	return route{}, &methodError{strings.Join(allow, ", "), &Error{
		Code:    CodeMethodNotAllowed,
		Message: fmt.Sprintf("%s does not take %s", r.URL.Path, clip(r.Method, 20)),
		Cure:    "use " + methods[0].method,
	}}
}

// methodError is an Error that comes with the methods that there are (RFC 9110, 15.5.6).
type methodError struct {
	allow string
	err   *Error
}

func (e *methodError) Error() string { return e.err.Error() }

func (e *methodError) Unwrap() error { return e.err }

// handler limits and reads off the request's body, which no endpoint wants, and
// renders the endpoint's error.
func (s *Server) handler(methods []route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := answer(w, r, methods); err != nil {
			s.fail(w, r, err)
		}
	})
}

func answer(w http.ResponseWriter, r *http.Request, methods []route) error {
	one, err := choose(r, methods)
	if err == nil {
		err = permit(r, one.needs)
	}
	if err == nil && one.body {
		return one.do(w, r)
	}
	if tooLong := discardBody(w, r); tooLong != nil {
		return tooLong
	}
	if err != nil {
		return err
	}
	return one.do(w, r)
}

// discardBody reads the body to its end. Until then net/http does not watch the
// connection, and would not notice a client that leaves.
func discardBody(w http.ResponseWriter, r *http.Request) error {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if tooLong := tooLarge(err); tooLong != nil {
		return tooLong
	}
	if err != nil {
		return &Error{Code: CodeBadRequest, Message: fmt.Sprintf("the body can't be read: %v", err), Cure: "send a whole body, or none"}
	}
	return nil
}

// noSuchPath answers whatever no other endpoint does.
func noSuchPath(_ http.ResponseWriter, r *http.Request) error {
	return &Error{
		Code:    CodeNotFound,
		Message: fmt.Sprintf("there is no %s in this API", r.URL.Path),
		Cure:    "the paths are in /v1/openapi.json; /v1/status is one",
	}
}

// fail renders every error that leaves the API.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = internal(err)
	}
	var wrongMethod *methodError
	if errors.As(err, &wrongMethod) {
		w.Header().Set("Allow", wrongMethod.allow)
	}
	if e.Code == CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="thresher"`) // RFC 9110, 11.6.1
	}
	status := httpStatus(e.Code)
	// A request that its own client gave up is no failure of the daemon's.
	if status == http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.logger.Error("API request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	s.reply(w, r, status, e)
}

// internal is a failure of the daemon that nobody has foreseen.
func internal(err error) *Error {
	return &Error{Code: CodeInternal, Message: err.Error(), Cure: "the daemon's log has what came before"}
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
