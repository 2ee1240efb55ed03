package farm

import (
	"net/http/httptest"
	"testing"

	"thresher/console"
)

func TestHealthPage(t *testing.T) {
	all := map[string]bool{"web": true, "dns": true}
	up := &healthView{state: console.Up, rules: all}
	part := &healthView{state: console.Up, rules: all, withdrawn: map[string]string{"web": "check http: no answer"}}
	none := &healthView{state: console.Up, rules: all, withdrawn: map[string]string{"web": "check http: no answer", "dns": "check dns"}}
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
		{none, "GET", "/health", 503, "all rules are withdrawn\n"},
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
