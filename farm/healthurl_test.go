package farm

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/crowd"
)

func TestHealthPage(t *testing.T) {
	all := map[string]string{"web": "", "dns": ""}
	up := &healthView{state: console.Up, rules: all}
	part := &healthView{state: console.Up, rules: map[string]string{"web": "withdrawn: check http: no answer", "dns": ""}}
	none := &healthView{state: console.Up, rules: map[string]string{"web": "withdrawn: check http: no answer", "dns": "its weight is 0 here"}, none: true}
	waits := &healthView{state: console.Waiting, reason: "gateway unreachable", rules: all}
	alone, idle := &healthView{state: console.Up}, &healthView{state: console.Up, idle: "check http: no answer"}
	fenced := &healthView{state: console.Up, rules: all, fenced: "1 of 3 nodes is here, a majority is 2"}
	for _, tt := range []struct {
		view         *healthView
		method, path string
		status       int
		body         string
	}{
		{nil, "GET", "/health", 503, "starting\n"},
		{up, "GET", "/health", 200, "up\n"},
		{up, "GET", "/health/web", 200, "up\n"},
		{up, "GET", "/health/mail", 404, "404 page not found\n"},
		{up, "GET", "/", 404, "404 page not found\n"},
		{up, "POST", "/health", 405, "use GET\n"},
		{part, "GET", "/health", 200, "up\n"},
		{part, "GET", "/health/web", 503, "withdrawn: check http: no answer\n"},
		{part, "GET", "/health/dns", 200, "up\n"},
		{none, "GET", "/health", 503, "no rule is served here\n"},
		{none, "GET", "/health/dns", 503, "its weight is 0 here\n"},
		{alone, "GET", "/health", 200, "up\n"},
		{alone, "GET", "/health/web", 404, "404 page not found\n"},
		{idle, "GET", "/health", 503, "withdrawn: check http: no answer\n"},
		{waits, "GET", "/health", 503, "waiting: gateway unreachable\n"},
		{fenced, "GET", "/health", 503, "lets nothing new in: 1 of 3 nodes is here, a majority is 2\n"},
		{fenced, "GET", "/health/web", 503, "lets nothing new in: 1 of 3 nodes is here, a majority is 2\n"},
		{waits, "GET", "/health/web", 503, "waiting: gateway unreachable\n"},
	} {
		h := &healthPage{}
		h.shown.Store(tt.view)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
}

// The page says of a rule what becomes of its traffic here, whatever the cause.
func TestHealthOfRules(t *testing.T) {
	web := func(r config.Rule) config.Rule { r.Name = "web"; return r }
	agent := func(w *weights) { w.scale(reasonAgent, "web", 0) }
	half := func(w *weights) { w.scale(reasonAgent, "web", 50) }
	zero := func(w *weights) { w.put("web", 0) }
	for _, tt := range []struct {
		name  string
		rules []config.Rule
		said  func(*weights)
		want  string // of rule web
		none  bool
	}{
		{"served", []config.Rule{web(config.Rule{Weight: 100})}, nil, "", false},
		{"served by one", []config.Rule{web(config.Rule{Weight: 100, Mode: config.ModeSingle})}, nil, "", false},
		{"half", []config.Rule{web(config.Rule{Weight: 100})}, half, "", false},
		{"others'", []config.Rule{web(config.Rule{Weight: 100, Nodes: []string{"web2", "web3"}})}, nil, "it is for nodes web2, web3", true},
		{"nobody's", []config.Rule{web(config.Rule{Mode: config.ModeBlock})}, nil, "mode block: no node serves it", false},
		{"nobody's beside others", []config.Rule{web(config.Rule{Mode: config.ModeBlock}), {Name: "dns"}}, nil, "mode block: no node serves it", true},
		{"an operator", []config.Rule{web(config.Rule{Weight: 100})}, zero, "its weight is 0 here", true},
		{"the file", []config.Rule{web(config.Rule{}), {Name: "dns", Weight: 1}}, nil, "its weight is 0 here", false},
		{"its agent", []config.Rule{web(config.Rule{Weight: 100})}, agent, "withdrawn: agent", true},
	} {
		l := &local{cfg: &config.Config{Rules: tt.rules}, weights: newWeights("web1", tt.rules)}
		if tt.said != nil {
			tt.said(l.weights)
		}
		l.showHealth()
		if v := l.health.shown.Load(); v.rules["web"] != tt.want || v.none != tt.none {
			t.Errorf("%s: %q, none %v", tt.name, v.rules["web"], v.none)
		}
	}
}

// Who keeps connections open at the health URL leaves it to others.
func TestHealthURLIsBounded(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.89:0") // where nobody else takes the port meanwhile
	must(t, err)
	at := free.Addr().String()
	must(t, free.Close())
	l := &local{cfg: &config.Config{HealthListen: netip.MustParseAddrPort(at)}, log: slog.New(slog.DiscardHandler)}
	defer l.serveHealth()()
	var last net.Conn
	for range crowd.PerAddress + 1 {
		for last, err = net.Dial("tcp", at); err != nil; last, err = net.Dial("tcp", at) {
			if !errors.Is(err, syscall.ECONNREFUSED) { // it does not listen yet
				t.Fatal(err)
			}
			runtime.Gosched()
		}
		defer last.Close()
	}
	must(t, last.SetReadDeadline(time.Now().Add(3*time.Second))) // an idle one is closed after 5 s
	if _, err := last.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the last connection is open: %v", err)
	}
	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	client := http.Client{Transport: &http.Transport{DialContext: other.DialContext}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + at + "/health")
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(resp.Status)
	}
}
