package farm

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/crowd"
)

// healthPage answers balancers that stand in front of the node: 200 while it is up,
// 503 with the reason else. It answers from memory, whatever the loop does.
//
// GET /health is about the node, GET /health/RULE about one rule of it.
type healthPage struct{ shown atomic.Pointer[healthView] }

// healthView is what the page says. It is never changed after it was published.
type healthView struct {
	state  console.NodeState
	reason string
	rules  map[string]string // why each is not served here; empty if it is
	none   bool              // no rule is served here, of those that any node serves
	idle   string            // why nothing is served, of a node without rules
	fenced string            // why nothing new is let in
}

func (h *healthPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := h.shown.Load()
	rule, about := strings.CutPrefix(r.URL.Path, "/health/")
	known := true
	if about && v != nil {
		_, known = v.rules[rule]
	}
	switch {
	case !about && r.URL.Path != "/health", !known:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	status, text := http.StatusServiceUnavailable, "starting"
	if v != nil {
		status, text = v.about(rule, about)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

func (v *healthView) about(rule string, one bool) (int, string) {
	switch {
	case v.state != console.Up && v.reason != "":
		return http.StatusServiceUnavailable, string(v.state) + ": " + v.reason
	case v.state != console.Up:
		return http.StatusServiceUnavailable, string(v.state)
	case v.fenced != "":
		return http.StatusServiceUnavailable, "lets nothing new in: " + v.fenced
	case one && v.rules[rule] != "":
		return http.StatusServiceUnavailable, v.rules[rule]
	case v.idle != "":
		return http.StatusServiceUnavailable, "withdrawn: " + v.idle
	case !one && v.none:
		return http.StatusServiceUnavailable, "no rule is served here"
	}
	return http.StatusOK, "up"
}

// serveHealth serves the page until what it returns is called.
func (l *local) serveHealth() (end func()) {
	if !l.cfg.HealthListen.IsValid() {
		return func() {}
	}
	s := &http.Server{
		Addr: l.cfg.HealthListen.String(), Handler: &l.health, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	listening, giveUp := context.WithCancel(context.Background())
	go func() {
		at := listenAgain(listening, s.Addr, func(err error) {
			l.log.Error("the health URL is not served yet: give health_listen an address of this machine and a free port", "address", s.Addr, "err", err)
		})
		if at == nil {
			return
		}
		if err := s.Serve(crowd.Limit(at, crowd.PerAddress)); err != nil && err != http.ErrServerClosed {
			l.log.Error("the health URL is not served", "address", s.Addr, "err", err)
		}
	}()
	return func() {
		giveUp()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx) // who is being answered gets no more than that
	}
}

// showHealth publishes how the node stands.
func (l *local) showHealth() {
	v := &healthView{state: l.life.state, reason: l.life.reason, fenced: l.fence.why, rules: make(map[string]string)}
	if len(l.cfg.Rules) == 0 {
		v.idle = strings.Join(l.weights.withdrawnAll(), ", ")
	}
	some, served := false, false
	for i, r := range l.cfg.Rules {
		why := l.weights.unserved(i)
		v.rules[r.Name] = why
		some, served = some || r.Mode != config.ModeBlock, served || why == ""
	}
	v.none = some && !served
	l.health.shown.Store(v)
}
