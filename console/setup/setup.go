package setup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"thresher/console"
	"thresher/console/access"
)

// The limits of the page's server: one person's browser on this machine.
const (
	readTimeout = 10 * time.Second
	maxBody     = 16 << 10
	maxHeader   = 16 << 10
	// lastAnswer is how long the answer to the last request may take to leave.
	lastAnswer = 5 * time.Second
	// Patience is how long somebody may take to answer.
	Patience = 30 * time.Minute
)

// ErrNobody is an end without anything written.
var ErrNobody = errors.New("nobody has finished the setup in the browser in time; nothing was written")

// Init is what is asked, and what comes of the answers, by flag. Its errors are for
// who answers; one that begins with --FLAG: is about that answer.
type Init interface {
	Questions() []Question
	// Plan returns what Write would write where, and changes nothing.
	Plan(answers map[string]string) (Plan, error)
	// Write writes it. It is not called again once it has returned nil.
	Write(answers map[string]string) error
}

// Plan is what comes of the answers.
type Plan struct {
	// Text is the configuration.
	Text string `json:"text"`
	// Files are written.
	Files []string `json:"files"`
	// Next are the commands that come next.
	Next []string `json:"next"`
}

// Server has one setup done in a browser.
type Server struct {
	init  Init
	token string

	mu      sync.Mutex
	session string // of the browser that has shown the token; "" before
	written bool
	done    chan struct{}
}

// New makes a server. The page's address has Token behind its #, which browsers send
// to nobody.
func New(i Init) *Server { return &Server{init: i, token: rand.Text(), done: make(chan struct{})} }

// URL is the page's address, good for one browser.
func (s *Server) URL(l net.Listener) string { return fmt.Sprintf("http://%s/#%s", l.Addr(), s.token) }

// Listen listens at a loopback address: what the page sends is neither sealed nor
// anybody else's business.
func Listen(address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("%q is no loopback address with a port, such as 127.0.0.1:9454; from elsewhere come by `ssh -L 9454:127.0.0.1:9454`", address)
	}
	return net.Listen("tcp", address)
}

// Serve answers on l until the configuration is written, and returns nil then; when
// ctx ends or Patience does it returns an error. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, ErrNobody)
	defer cancel()
	server := &http.Server{
		Handler: s.handler(), ReadTimeout: readTimeout, WriteTimeout: readTimeout, IdleTimeout: readTimeout, MaxHeaderBytes: maxHeader,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var err error
	select {
	case <-s.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case err := <-served:
		return fmt.Errorf("serve the setup's page: %w", err)
	}
	last, cancel := context.WithTimeout(context.Background(), lastAnswer)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // a browser that holds on to its connection
	}
	s.mu.Lock() // whoever is writing still
	defer s.mu.Unlock()
	if s.written {
		return nil
	}
	return err
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", page)
	mux.HandleFunc("POST /v1/open", answer(s.open))
	mux.HandleFunc("POST /v1/plan", answer(s.plan))
	mux.HandleFunc("POST /v1/write", answer(s.write))
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		console.Secure(w.Header())
		switch err := cross.Check(r); {
		case err != nil:
			refuse(w, r, http.StatusForbidden, &console.Error{Code: console.CodeForbidden, Message: "the request comes from another site", Cure: printed})
		case !local(r.Host) && !slices.Contains(looks[:], r.URL.Path):
			refuse(w, r, http.StatusForbidden, &console.Error{
				Code: console.CodeForbidden, Message: fmt.Sprintf("this page is not served under the name %.80q", r.Host), Cure: printed,
			})
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// local tells whether a browser has asked this machine, and not another name that
// points here (DNS rebinding). The port may be that of an SSH tunnel.
func local(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// request is what the page sends.
type request struct {
	// Secret is the address's token in the first request, and then the session.
	Secret  string            `json:"secret"`
	Answers map[string]string `json:"answers"`
}

// answer reads a request and renders what comes of it.
func answer(do func(request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in request
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		dec.DisallowUnknownFields()
		out, err := any(nil), error(&console.Error{Code: console.CodeBadRequest, Message: "the request can't be read", Cure: "load the page again"})
		if dec.Decode(&in) == nil && dec.Decode(new(any)) == io.EOF {
			out, err = do(in)
		}
		if err != nil {
			var e *console.Error
			if !errors.As(err, &e) {
				e = &console.Error{Code: console.CodeBadRequest, Message: err.Error()}
			}
			refuse(w, r, http.StatusBadRequest, e)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(out) // the browser may have gone
	}
}

// open takes the token, once, and says what is asked.
func (s *Server) open(in request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.session != "" && access.SameText(in.Secret, s.session): // the page was loaded again
	case !access.SameText(in.Secret, s.token):
		return nil, errors.New("this is not the address that thresher init has printed")
	case s.session != "":
		return nil, errors.New("another browser has opened this address already: if that was not you, end thresher init and run it again")
	default:
		s.session = rand.Text()
	}
	return map[string]any{"session": s.session, "questions": s.init.Questions()}, nil
}

// allow refuses who has not opened the page. The caller holds the lock.
func (s *Server) allow(in request) error {
	if s.session == "" || !access.SameText(in.Secret, s.session) {
		return errors.New("the page was not opened by the address that thresher init has printed")
	}
	if s.written {
		return errors.New("the configuration is written already")
	}
	return nil
}

func (s *Server) plan(in request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.allow(in); err != nil {
		return nil, err
	}
	return s.init.Plan(in.Answers)
}

func (s *Server) write(in request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.allow(in); err != nil {
		return nil, err
	}
	plan, err := s.init.Plan(in.Answers)
	if err == nil {
		err = s.init.Write(in.Answers)
	}
	if err != nil {
		return nil, err
	}
	s.written = true
	close(s.done)
	return plan, nil
}
