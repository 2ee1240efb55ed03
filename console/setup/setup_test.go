package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"thresher/console"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeInit takes every answer but one.
type fakeInit struct {
	wrote []map[string]string
	write func() // meanwhile; nil for nothing
}

func (f *fakeInit) Questions() []Question { return []Question{{Flag: "vip", Text: "VIP"}} }

func (f *fakeInit) Plan(answers map[string]string) (Plan, error) {
	if answers["vip"] == "wrong" {
		return Plan{}, errors.New("--vip: wrong")
	}
	return Plan{Text: "vip " + answers["vip"]}, nil
}

func (f *fakeInit) Write(answers map[string]string) error {
	if answers["vip"] == "full" {
		return errors.New("the disk is full")
	}
	if f.write != nil {
		f.write()
	}
	f.wrote = append(f.wrote, answers)
	return nil
}

// served is a setup that is served for the length of a test.
type served struct {
	t    *testing.T
	init *fakeInit
	*Server
	at    string
	ended chan error
	stop  context.CancelFunc
}

func serve(t *testing.T) *served {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, init: new(fakeInit), at: l.Addr().String(), ended: make(chan error, 1)}
	s.Server = New(s.init)
	if want := "http://" + s.at + "/#" + s.token; s.URL(l) != want || len(s.token) < 26 {
		t.Errorf("the page is at %s, want %s", s.URL(l), want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	over := make(chan struct{})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		<-over
	})
	go func() {
		defer close(over)
		s.ended <- s.Serve(ctx, l)
	}()
	return s
}

// ask sends a request that change may make another one.
func (s *served) ask(path string, body any, change func(*http.Request)) (int, string) {
	s.t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		text = string(b)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.at+path, strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(out)
}

// open shows the token, and returns the session.
func (s *served) open() string {
	s.t.Helper()
	status, body := s.ask("/v1/open", request{Secret: s.token}, nil)
	var in struct {
		Session   string     `json:"session"`
		Questions []Question `json:"questions"`
	}
	if status != http.StatusOK || json.Unmarshal([]byte(body), &in) != nil || in.Session == "" || len(in.Questions) != 1 {
		s.t.Fatalf("%d %s", status, body)
	}
	return in.Session
}

func TestSetupEndsWhenItIsWritten(t *testing.T) {
	s := serve(t)
	session := s.open()
	for _, tt := range []struct {
		path, vip, want string
		status          int
	}{
		{"/v1/plan", "wrong", "--vip: wrong", http.StatusBadRequest},
		{"/v1/write", "wrong", "--vip: wrong", http.StatusBadRequest},
		{"/v1/write", "full", "the disk is full", http.StatusBadRequest},
		{"/v1/plan", "192.0.2.100", "vip 192.0.2.100", http.StatusOK},
	} {
		if status, body := s.ask(tt.path, request{session, map[string]string{"vip": tt.vip}}, nil); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: %d %s", tt.path, tt.vip, status, body)
		}
	}
	if len(s.init.wrote) != 0 {
		t.Errorf("written: %v", s.init.wrote)
	}
	if status, body := s.ask("/v1/write", request{session, map[string]string{"vip": "192.0.2.100"}}, nil); status != http.StatusOK || !strings.Contains(body, "192.0.2.100") {
		t.Errorf("%d %s", status, body)
	}
	if err := <-s.ended; err != nil || len(s.init.wrote) != 1 {
		t.Errorf("%v, written: %v", err, s.init.wrote)
	}
	if c, err := net.Dial("tcp", s.at); err == nil {
		c.Close()
		t.Error("the page is there still")
	}
}

// Who ends it while it is written is told that it is.
func TestSetupThatIsEndedWhileItWrites(t *testing.T) {
	s := serve(t)
	s.init.write = func() {
		s.stop()
		for at := s.at; ; { // until it has begun to end
			c, err := net.Dial("tcp", at)
			if err != nil {
				return
			}
			c.Close()
		}
	}
	session := s.open()
	if status, body := s.ask("/v1/write", request{session, map[string]string{"vip": "192.0.2.100"}}, nil); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if err := <-s.ended; err != nil || len(s.init.wrote) != 1 {
		t.Errorf("%v, written: %v", err, s.init.wrote)
	}
}

func TestSetupIsOfOneBrowser(t *testing.T) {
	s := serve(t)
	refused := func(what, path string, body any, change func(*http.Request)) {
		t.Helper()
		if status, body := s.ask(path, body, change); status/100 != 4 || strings.Contains(body, "session") {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	refused("no token", "/v1/open", request{}, nil)
	refused("another token", "/v1/open", request{Secret: s.token + "x"}, nil)
	refused("not opened", "/v1/write", request{}, nil)
	refused("the token for a session", "/v1/write", request{Secret: s.token}, nil)
	session := s.open()
	refused("a used token", "/v1/open", request{Secret: s.token}, nil)
	refused("a used token for a session", "/v1/write", request{Secret: s.token}, nil)
	if status, _ := s.ask("/v1/open", request{Secret: session}, nil); status != http.StatusOK {
		t.Errorf("the page loaded again: %d", status)
	}
	session = s.session // of the page as it is now
	mine := request{session, map[string]string{"vip": "192.0.2.100"}}
	refused("another site", "/v1/write", mine, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") })
	refused("another site's form", "/v1/write", mine, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	refused("another name", "/v1/write", mine, func(r *http.Request) { r.Host = "evil.example:80" })
	refused("no JSON", "/v1/write", "[", nil)
	refused("two values", "/v1/plan", `{"secret":"`+session+`"}{}`, nil)
	refused("an unknown key", "/v1/plan", `{"secret":"`+session+`","x":1}`, nil)
	refused("10 MB", "/v1/write", `{"secret":"`+strings.Repeat("x", 10<<20)+`"}`, nil)
	if len(s.init.wrote) != 0 {
		t.Errorf("written: %v", s.init.wrote)
	}
}

func TestSetupsPage(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/", "/setup.js", "/style.css", "/dom.js", "/texts.js", "/theme.js", "/icon.svg"} {
		resp, err := http.Get("http://" + s.at + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || len(body) == 0 || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") ||
			!strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") || bytes.Contains(body, []byte(s.token)) {
			t.Errorf("%s: %v, %s %v", path, err, resp.Status, resp.Header)
		}
	}
	for _, path := range []string{"/app.js", "/setup.html/", "/../setup.go", "/web/setup.js"} {
		resp, err := http.Get("http://" + s.at + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// A refusal is a page, in the setup's look, for a browser that wants one, and the API's
// Error for all others; both say what to do.
func TestRefusalsToBrowsers(t *testing.T) {
	s := serve(t)
	for _, tt := range []struct {
		method, path, host, site string
		status                   int
		code, says               string
	}{
		{"GET", "/", "evil.example:80", "", http.StatusForbidden, console.CodeForbidden, `this page is not served under the name "evil.example:80"`},
		{"GET", "/setup.js", "evil.example", "", http.StatusForbidden, console.CodeForbidden, "not served under the name"},
		{"POST", "/v1/write", "", "cross-site", http.StatusForbidden, console.CodeForbidden, "the request comes from another site"},
		{"GET", "/<b>", "", "", http.StatusNotFound, console.CodeNotFound, "there is no /<b> here"},
		{"GET", "/v1/open", "", "", http.StatusNotFound, console.CodeNotFound, "there is no /v1/open here"},
		{"POST", "/setup", "", "same-origin", http.StatusMethodNotAllowed, console.CodeMethodNotAllowed, "/setup does not take POST"},
		{"POST", "/v1/plan", "", "same-origin", http.StatusBadRequest, console.CodeBadRequest, "the request can't be read"},
	} {
		for _, accept := range []string{"text/html,application/xhtml+xml,*/*;q=0.8", "*/*", ""} {
			r := httptest.NewRequest(tt.method, "http://"+s.at+tt.path, nil)
			if tt.host != "" {
				r.Host = tt.host
			}
			r.Header.Set("Sec-Fetch-Site", tt.site)
			r.Header.Set("Accept", accept)
			w := httptest.NewRecorder()
			s.handler().ServeHTTP(w, r)
			what := fmt.Sprintf("%s %s of %s, accepting %q: %d %v\n%s", tt.method, tt.path, r.Host, accept, w.Code, w.Header(), w.Body)
			if w.Code != tt.status || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
				t.Error(what)
			}
			if strings.HasPrefix(accept, "text/html") {
				text := html.UnescapeString(w.Body.String())
				if w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(text, tt.says) || strings.Contains(w.Body.String(), "<b>") ||
					!strings.Contains(text, `href="/style.css"`) || strings.Count(text, "<p") != 2 {
					t.Errorf("no page of it: %s", what)
				}
				continue
			}
			var e console.Error
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code != tt.code || !strings.Contains(e.Message, tt.says) || e.Cure == "" {
				t.Errorf("no Error: %s", what)
			}
		}
	}
}

// What a refusal looks like comes under the name that is refused, too: browsers take it
// from no other.
func TestRefusalsHaveTheirLook(t *testing.T) {
	s := serve(t)
	for path, want := range map[string]int{"/style.css": 200, "/theme.js": 200, "/icon.svg": 200, "/": 403, "/setup.html": 403, "/dom.js": 403, "/v1/open": 403} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "evil.example"
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r)
		if w.Code != want || w.Body.Len() == 0 || strings.Contains(w.Body.String(), s.token) {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
		if strings.Contains(refusedText, `"`+path+`"`) != (want == 200) {
			t.Errorf("%s: the page has it, or has not", path)
		}
	}
}

func TestSetupOnThisMachineOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "192.0.2.11:80", "[::]:0", "localhost:80", "127.0.0.1", ""} {
		if l, err := Listen(address); err == nil {
			l.Close()
			t.Errorf("listens on %q", address)
		} else if !strings.Contains(err.Error(), "ssh -L") {
			t.Errorf("%q: %v names no cure", address, err)
		}
	}
}

// Nobody comes, or whoever waits gives up.
func TestSetupWithoutAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := New(new(fakeInit)).Serve(t.Context(), silence{make(chan struct{})}); !errors.Is(err, ErrNobody) {
			t.Errorf("after %v: %v", Patience, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := New(new(fakeInit)).Serve(ctx, silence{make(chan struct{})}); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
	})
}

// silence is a listener that nobody comes to.
type silence struct{ closed chan struct{} }

func (s silence) Accept() (net.Conn, error) {
	<-s.closed
	return nil, net.ErrClosed
}

func (s silence) Close() error {
	close(s.closed)
	return nil
}

func (s silence) Addr() net.Addr { return &net.TCPAddr{} }
