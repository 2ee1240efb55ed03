package console

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"thresher/console/access"
	"thresher/console/signon"
	"thresher/console/trust"
	"thresher/internal/crowd"
)

const testPassword = "correct horse"

// people is a server that people reach, with a user and a token of each role.
type people struct {
	t      *testing.T
	url    string
	http   *http.Client
	server *Server
	farm   *fakeFarm
	log    *Log
	tokens map[access.Role]string
	file   string
	logged *logged
}

// logged is what a server has logged. It may be used by many goroutines.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// openPeople serves f by HTTPS for the length of the test.
func openPeople(t *testing.T, f *fakeFarm) *people { return openPeopleBy(t, f, nil) }

// openPeopleBy is openPeople with people whom an issuer vouches for.
func openPeopleBy(t *testing.T, f *fakeFarm, issuer *signon.Issuer) *people {
	t.Helper()
	p := &people{t: t, farm: f, log: NewLog(0), tokens: make(map[access.Role]string), file: filepath.Join(t.TempDir(), "users"), logged: new(logged)}
	must(t, access.Update(p.file, func(file *access.File) error {
		for _, r := range access.Roles() {
			token, hash := access.NewToken()
			p.tokens[r] = token
			file.Users = append(file.Users, access.User{Name: string(r), Role: r, Password: access.HashPassword(testPassword)})
			file.Tokens = append(file.Tokens, access.Token{Name: string(r), Role: r, Expires: time.Now().Add(time.Hour), Hash: hash})
		}
		return nil
	}))
	c, err := SelfSigned(t.TempDir(), []string{"web1"}, []netip.Addr{netip.MustParseAddr("127.0.0.1")})
	must(t, err)
	p.server = NewServer(f, p.log, slog.New(slog.NewTextHandler(p.logged, nil)))
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") })
	identity, err := trust.New("web1", [32]byte{1})
	must(t, err)
	options := access.Options{File: p.file}
	if issuer != nil {
		options.By = issuer.ID()
	}
	p.server.Open(Options{Node: "web1", Keeper: access.NewKeeper(options), Issuer: issuer, Metrics: metrics, Peers: identity, PeerPort: 1})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- p.server.ServePeople(l, c, []string{"web1"}) }()
	p.url = "https://" + l.Addr().String()
	p.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	t.Cleanup(func() {
		p.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		must(t, p.server.Shutdown(ctx))
		must(t, <-served)
	})
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask sends a request that change may make another one.
func (p *people) ask(method, path, body string, change func(*http.Request)) (*http.Response, string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), testTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	must(p.t, err)
	if change != nil {
		change(r)
	}
	resp, err := p.http.Do(r)
	must(p.t, err)
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		return resp, ""
	}
	text, err := io.ReadAll(resp.Body)
	must(p.t, err)
	return resp, string(text)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// login logs in, and returns what makes a request one of that session's page.
func (p *people) login(user string) (Session, func(*http.Request)) {
	p.t.Helper()
	resp, body := p.ask("POST", "/v1/session", `{"user":"`+user+`","password":"`+testPassword+`"}`, asJSON)
	var s Session
	if resp.StatusCode != 200 || json.Unmarshal([]byte(body), &s) != nil {
		p.t.Fatalf("login: %s %s", resp.Status, body)
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Name != "__Host-thresher" {
		p.t.Errorf("the cookie is %v", c)
	}
	return s, func(r *http.Request) {
		r.AddCookie(c)
		r.Header.Set("X-CSRF-Token", s.CSRF)
	}
}

func asJSON(r *http.Request) { r.Header.Set("Content-Type", "application/json") }

// refused checks that an answer is an Error of that status and code.
func refused(t *testing.T, what string, resp *http.Response, body string, status int, code string) {
	t.Helper()
	var e Error
	if err := json.Unmarshal([]byte(body), &e); err != nil || resp.StatusCode != status || e.Code != code || e.Message == "" {
		t.Errorf("%s: %s %s, want %d %s", what, resp.Status, body, status, code)
	}
}

func TestSessionOfABrowser(t *testing.T) {
	p := openPeople(t, &fakeFarm{status: farmOfThree()})
	resp, body := p.ask("GET", "/v1/status", "", nil)
	refused(t, "nobody", resp, body, 401, CodeUnauthenticated)
	s, mine := p.login("control")
	if s.User != "control" || s.Role != access.Control || s.CSRF == "" {
		t.Errorf("%+v", s)
	}
	if resp, body := p.ask("GET", "/v1/session", "", mine); resp.StatusCode != 200 || !strings.Contains(body, s.CSRF) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, body := p.ask("POST", "/v1/node/stop", "", mine); resp.StatusCode != 204 {
		t.Errorf("%s %s", resp.Status, body)
	}
	resp, body = p.ask("POST", "/v1/node/stop", "", func(r *http.Request) { mine(r); r.Header.Set("X-CSRF-Token", "x") })
	refused(t, "another page", resp, body, 403, CodeForbidden)
	resp, body = p.ask("POST", "/v1/node/stop", "", func(r *http.Request) { mine(r); r.Header.Set("Origin", "https://evil.example") })
	refused(t, "another site", resp, body, 403, CodeForbidden)
	resp, body = p.ask("POST", "/v1/node/stop", "", func(r *http.Request) { mine(r); r.Header.Set("Sec-Fetch-Site", "cross-site") })
	refused(t, "a form of another site", resp, body, 403, CodeForbidden)
	if resp, body := p.ask("DELETE", "/v1/session", "", mine); resp.StatusCode != 204 || resp.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logout: %s %s", resp.Status, body)
	}
	resp, body = p.ask("POST", "/v1/node/stop", "", mine)
	refused(t, "replayed after logging out", resp, body, 401, CodeUnauthenticated)
	if got := len(p.farm.called()); got != 1 {
		t.Errorf("the farm was told %v", p.farm.called())
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	p := openPeople(t, &fakeFarm{})
	for _, tt := range []struct {
		body, kind string
		status     int
		code       string
	}{
		{`{"user":"admin","password":"wrong"}`, "application/json", 401, CodeUnauthenticated},
		{`{"user":"nobody","password":"` + testPassword + `"}`, "application/json", 401, CodeUnauthenticated},
		{`{"user":"admin","password":"` + testPassword + `"}`, "text/plain", 400, CodeBadRequest},
		{`{"user":"admin","password":"x","role":"admin"}`, "application/json", 400, CodeBadRequest},
		{`{"user":"admin","password":"x"} {}`, "application/json", 400, CodeBadRequest},
		{`{"user":"","password":"x"}`, "application/json", 400, CodeBadRequest},
		{`[`, "application/json", 400, CodeBadRequest},
		{`{"user":"nobody","password":"x","user":"admin"}`, "application/json", 400, CodeBadRequest},
		{`{"user":"nobody","password":"x","USER":"admin"}`, "application/json", 400, CodeBadRequest},
		{"{\"user\":\"admin\xff\",\"password\":\"x\"}", "application/json", 400, CodeBadRequest},
		{``, "application/json", 400, CodeBadRequest},
		{`{"user":"` + strings.Repeat("x", maxLoginBytes) + `"`, "application/json", 413, CodeTooLarge},
	} {
		resp, body := p.ask("POST", "/v1/session", tt.body, func(r *http.Request) { r.Header.Set("Content-Type", tt.kind) })
		refused(t, fmt.Sprintf("%.60s", tt.body), resp, body, tt.status, tt.code)
		if len(resp.Cookies()) > 0 {
			t.Errorf("%.60s: a cookie is set", tt.body)
		}
	}
	for range 5 {
		p.ask("POST", "/v1/session", `{"user":"admin","password":"wrong"}`, asJSON)
	}
	resp, body := p.ask("POST", "/v1/session", `{"user":"admin","password":"`+testPassword+`"}`, asJSON)
	refused(t, "after many", resp, body, 429, CodeTooMany)
	for _, e := range p.log.Since(0) {
		if e.Kind != KindAudit || e.Level != LevelWarn || strings.Contains(fmt.Sprint(e), testPassword) {
			t.Errorf("event %+v", e)
		}
	}
}

func TestHosts(t *testing.T) {
	p := openPeople(t, &fakeFarm{})
	for host, ok := range map[string]bool{
		"": true, "WEB1:9453": true, "web1": true, "127.0.0.1": true, "[::ffff:127.0.0.1]:1": true,
		"evil.example": false, "192.0.2.1": false, "web1.evil.example": false, "web1:9453:x": false,
	} {
		resp, body := p.ask("GET", "/v1/session", "", func(r *http.Request) { r.Host = host })
		if ok != (resp.StatusCode == 200) {
			t.Errorf("as %q: %s %s", host, resp.Status, body)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	p := openPeople(t, &fakeFarm{})
	for _, path := range []string{"/", "/v1/status", "/v1/session", "/nowhere"} {
		resp, _ := p.ask("GET", path, "", nil)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		} {
			if got := resp.Header.Get(name); !strings.Contains(got, want) || strings.Contains(got, "unsafe") {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

func TestTooMuchFromOutside(t *testing.T) {
	f := &fakeFarm{}
	p := openPeople(t, f)
	resp, body := p.ask("POST", "/v1/node/stop", strings.Repeat("x", 10<<20), bearer(p.tokens[access.Admin]))
	refused(t, "10 MB", resp, body, 413, CodeTooLarge)
	limited, begun := 0, time.Now()
	for range 2 * requestsAtOnce {
		resp, _ := p.ask("GET", "/v1/session", "", nil)
		if resp.StatusCode == http.StatusTooManyRequests {
			limited++
		}
	}
	most := requestsAtOnce + int(requestsPerSecond*time.Since(begun).Seconds()) + 1
	if 2*requestsAtOnce-limited > most || f.called() != nil {
		t.Errorf("%d of %d requests were too many, want all but %d; the farm was told %v", limited, 2*requestsAtOnce, most, f.called())
	}
}

func TestStreamsAreBounded(t *testing.T) {
	p := openPeople(t, &fakeFarm{})
	p.server.streams.Store(maxStreams)
	for _, path := range []string{"/v1/events?follow=1", "/v1/farm?follow=1"} {
		resp, body := p.ask("GET", path, "", bearer(p.tokens[access.Monitor]))
		refused(t, path, resp, body, 429, CodeTooMany)
	}
	if n := p.server.streams.Load(); n != maxStreams {
		t.Errorf("%d streams are counted", n)
	}
}

// Idle connections of one address leave room for those of others.
func TestConnectionsAreBounded(t *testing.T) {
	p := openPeople(t, &fakeFarm{})
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			c.Close()
		}
	}()
	for range crowd.PerAddress + 20 {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "https://"))
		must(t, err)
		idle = append(idle, c)
	}
	// Accepted in the order in which they were made: the last was closed at once.
	last := idle[len(idle)-1]
	must(t, last.SetReadDeadline(time.Now().Add(testTimeout)))
	if _, err := last.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the last connection is open: %v", err)
	}
}

func TestAuditSaysWho(t *testing.T) {
	p := openPeople(t, &fakeFarm{status: Status{Node: "web1", Nodes: []Node{{Name: "web1", State: Up}}}})
	p.ask("POST", "/v1/farm/drain?node=web1&deadline_ms=5000", "", bearer(p.tokens[access.Control]))
	p.farm.err = &Error{Code: CodeConflict, Message: "not now"}
	p.ask("POST", "/v1/node/stop", "", bearer(p.tokens[access.Admin]))
	events := p.log.Since(0)
	if len(events) != 2 || events[0].Message != "token control (control): drain web1" || events[0].Fields["from"] != "127.0.0.1" ||
		events[1].Message != "token admin (admin): stop: refused: not now" {
		t.Errorf("%+v", events)
	}
}

func TestFilesOfTheConsole(t *testing.T) {
	p := openPeople(t, &fakeFarm{})
	resp, body := p.ask("GET", "/", "", nil)
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "<!doctype html>") {
		t.Errorf("%s %.80s", resp.Status, body)
	}
	again, _ := p.ask("GET", "/", "", func(r *http.Request) { r.Header.Set("If-None-Match", resp.Header.Get("ETag")) })
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("again: %s", again.Status)
	}
	for _, path := range []string{"/web", "/..%2fopenapi.json", "/index.html/"} {
		resp, body := p.ask("GET", path, "", nil)
		refused(t, path, resp, body, 404, CodeNotFound)
	}
	all, err := loadPages()
	must(t, err)
	total := 0
	for name, page := range all {
		total += len(page.gzip)
		if bytes.Contains(page.plain, []byte("<script>")) || page.kind == "text/plain; charset=utf-8" && !strings.Contains(name, "LICENSE") {
			t.Errorf("%s is %s, or has a script in it", name, page.kind)
		}
	}
	if total > 250<<10 {
		t.Errorf("the console weighs %d bytes compressed", total)
	}
	t.Logf("%d bytes compressed in %d files", total, len(all))
}

func TestCertificateOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	names, addresses := []string{"web1"}, []netip.Addr{netip.MustParseAddr("192.0.2.11")}
	first, err := SelfSigned(dir, names, addresses)
	must(t, err)
	second, err := SelfSigned(dir, names, addresses)
	must(t, err)
	if first.Fingerprint() != second.Fingerprint() || len(first.Fingerprint()) != 95 {
		t.Errorf("%s, then %s", first.Fingerprint(), second.Fingerprint())
	}
	third, err := SelfSigned(dir, []string{"web9"}, addresses)
	must(t, err)
	if third.Fingerprint() == first.Fingerprint() {
		t.Error("a certificate for another name is used")
	}
	// Renewed files are taken without a restart.
	must(t, makeSelfSigned(dir, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), names, addresses))
	third.looked, third.changed = time.Time{}, time.Time{}
	if fourth := third.Fingerprint(); fourth == first.Fingerprint() || third.get().Leaf.DNSNames[0] != "web1" {
		t.Error("a renewed certificate is not taken")
	}
	if _, err := LoadCertificate("/nowhere/c", "/nowhere/k"); err == nil || !strings.Contains(err.Error(), "api.tls") {
		t.Errorf("no files: %v", err)
	}
}
