package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
	"thresher/console/access"
	"thresher/console/signon"
	"thresher/internal/oidctest"
)

// signOn is a console that people log in to by an issuer.
type signOn struct {
	*people
	issuer *oidctest.Issuer
	away   *httptest.Server // the issuer's
}

func openSignOn(t *testing.T) *signOn { return openSignOnAs(t, config.OIDC{}) }

// openSignOnAs does with more of the configuration.
func openSignOnAs(t *testing.T, c config.OIDC) *signOn {
	t.Helper()
	issuer, err := oidctest.New("thresher", "", map[string]any{"email": "alice@example.com", "groups": []string{"oncall"}})
	must(t, err)
	server := httptest.NewServer(issuer)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	issuer.URL = server.URL
	c.Issuer, c.ClientID, c.Claim, c.Control = server.URL, "thresher", "groups", []string{"oncall"}
	by := signon.New(c, nil, transport)
	s := &signOn{openPeopleBy(t, &fakeFarm{status: farmOfThree()}, by), issuer, server}
	issuer.Redirects = []string{s.url + config.LoginPath}
	return s
}

// begin goes to the issuer and back, with the cookie that the browser has got.
func (s *signOn) begin() (OIDCAnswer, *http.Cookie) {
	s.t.Helper()
	resp, body := s.ask("POST", "/v1/session/oidc", "", nil)
	var page OIDCPage
	if resp.StatusCode != 200 || json.Unmarshal([]byte(body), &page) != nil {
		s.t.Fatalf("%s %s", resp.Status, body)
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Name != "__Host-thresher-oidc" || c.MaxAge != 600 {
		s.t.Errorf("the cookie is %v", c)
	}
	at, err := http.DefaultTransport.RoundTrip(httptest.NewRequestWithContext(s.t.Context(), "GET", page.URL, nil))
	must(s.t, err)
	defer at.Body.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	back, err := at.Location()
	must(s.t, err)
	if got, want := back.Scheme+"://"+back.Host+back.Path, s.url+config.LoginPath; got != want {
		s.t.Fatalf("the issuer sends to %s, want %s", got, want)
	}
	return answerOf(back.Query()), c
}

func answerOf(q url.Values) OIDCAnswer {
	return OIDCAnswer{State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"), Description: q.Get("error_description")}
}

// finish hands the answer over.
func (s *signOn) finish(answer OIDCAnswer, cookies ...*http.Cookie) (*http.Response, string) {
	s.t.Helper()
	text, err := json.Marshal(answer)
	must(s.t, err)
	return s.ask("PUT", "/v1/session/oidc", string(text), func(r *http.Request) {
		asJSON(r)
		for _, c := range cookies {
			r.AddCookie(c)
		}
	})
}

func TestSessionByAnIssuer(t *testing.T) {
	s := openSignOn(t)
	if _, body := s.ask("GET", "/v1/session", "", nil); !strings.Contains(body, `"oidc":"127.0.0.1:`) {
		t.Errorf("the page does not know of the issuer: %s", body)
	}
	resp, body := s.finish(s.begin())
	var session Session
	if resp.StatusCode != 200 || json.Unmarshal([]byte(body), &session) != nil || session.User != "oidc alice@example.com" || session.Role != access.Control || session.CSRF == "" {
		t.Fatalf("%s %s", resp.Status, body)
	}
	cookies := resp.Cookies()
	if len(cookies) != 2 || cookies[0].Name != "__Host-thresher-oidc" || cookies[0].MaxAge >= 0 || cookies[1].Name != "__Host-thresher" || cookies[1].SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookies are %v", cookies)
	}
	mine := func(r *http.Request) {
		r.AddCookie(cookies[1])
		r.Header.Set(csrfHeader, session.CSRF)
	}
	if resp, body := s.ask("POST", "/v1/node/stop", "", mine); resp.StatusCode != 204 {
		t.Errorf("%s %s", resp.Status, body)
	}
	resp, body = s.ask("GET", "/v1/config", "", mine)
	refused(t, "an admin's", resp, body, 403, CodeForbidden)
	resp, body = s.ask("POST", "/v1/node/stop", "", func(r *http.Request) { r.AddCookie(cookies[1]) })
	refused(t, "without the page's token", resp, body, 403, CodeForbidden)
	if resp, body := s.ask("DELETE", "/v1/session", "", mine); resp.StatusCode != 204 {
		t.Errorf("logout: %s %s", resp.Status, body)
	}
	resp, body = s.ask("POST", "/v1/node/stop", "", mine)
	refused(t, "after logging out", resp, body, 401, CodeUnauthenticated)
	var told []string
	for _, e := range s.log.Since(0) {
		told = append(told, e.Message)
	}
	login := "oidc alice@example.com (control): login by " + strings.TrimPrefix(s.away.URL, "http://") + " as 0042"
	if len(told) != 3 || told[0] != login {
		t.Errorf("the audit log has %q", told)
	}
}

// Who came by an issuer that has a page for it goes there to log out; who came by a
// password does not.
func TestLogoutAtTheIssuer(t *testing.T) {
	s := openSignOn(t)
	s.issuer.End = s.away.URL + "/logout"
	resp, body := s.finish(s.begin())
	var session Session
	must(t, json.Unmarshal([]byte(body), &session))
	mine := func(r *http.Request) {
		r.AddCookie(resp.Cookies()[1])
		r.Header.Set(csrfHeader, session.CSRF)
	}
	ended, body := s.ask("DELETE", "/v1/session", "", mine)
	var page OIDCPage
	if ended.StatusCode != 200 || json.Unmarshal([]byte(body), &page) != nil || ended.Cookies()[0].MaxAge >= 0 {
		t.Fatalf("%s %s", ended.Status, body)
	}
	u, err := url.Parse(page.URL)
	must(t, err)
	q := u.Query()
	if !strings.HasPrefix(page.URL, s.issuer.End+"?") || q.Get("post_logout_redirect_uri") != s.url+config.LoginPath || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("the page is %s", page.URL)
	}
	again, body := s.ask("POST", "/v1/node/stop", "", mine)
	refused(t, "after logging out", again, body, 401, CodeUnauthenticated)
	_, byPassword := s.login("control")
	if resp, body := s.ask("DELETE", "/v1/session", "", byPassword); resp.StatusCode != 204 {
		t.Errorf("by password: %s %s", resp.Status, body)
	}
}

func TestIssuersAnswersThatAreRefused(t *testing.T) {
	s := openSignOn(t)
	answer, cookie := s.begin()
	_, others := s.begin()
	for what, cookies := range map[string][]*http.Cookie{"no cookie": nil, "another browser's": {others}} {
		resp, body := s.finish(answer, cookies...)
		refused(t, what, resp, body, 401, CodeUnauthenticated)
	}
	resp, body := s.finish(OIDCAnswer{State: "x", Code: answer.Code}, cookie)
	refused(t, "another state", resp, body, 401, CodeUnauthenticated)
	if events := s.log.Since(0); len(events) != 0 {
		t.Errorf("what anybody may send crowds the log: %v", events)
	}
	resp, body = s.ask("PUT", "/v1/session/oidc", `{"state":"x"}`, func(r *http.Request) { asJSON(r); r.Header.Set("Sec-Fetch-Site", "cross-site") })
	refused(t, "another site", resp, body, 403, CodeForbidden)
	resp, body = s.ask("POST", "/v1/session/oidc", "", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") })
	refused(t, "begun by another site", resp, body, 403, CodeForbidden)
	resp, body = s.ask("PUT", "/v1/session/oidc", `{"state":"`+strings.Repeat("x", maxLoginBytes)+`"}`, asJSON)
	refused(t, "too long", resp, body, 413, CodeTooLarge)
	for name, tt := range map[string]struct {
		change func()
		status int
		code   string
	}{
		"refusal": {func() { s.issuer.Refuse = "access_denied" }, 401, CodeUnauthenticated},
		"nonce":   {func() { s.issuer.Refuse, s.issuer.Change = "", func(c map[string]any) { c["nonce"] = "x" } }, 401, CodeUnauthenticated},
		"role":    {func() { s.issuer.Change = func(c map[string]any) { c["groups"] = "guests" } }, 403, CodeForbidden},
	} {
		s.issuer.Do(func() { s.issuer.Refuse, s.issuer.Change = "", nil; tt.change() })
		before := len(s.log.Since(0))
		resp, body := s.finish(s.begin())
		refused(t, name, resp, body, tt.status, tt.code)
		if events := s.log.Since(0)[before:]; len(events) != 1 || events[0].Level != LevelWarn || events[0].Kind != KindAudit {
			t.Errorf("%s: the audit log has %v", name, events)
		}
		for _, c := range resp.Cookies() {
			if c.MaxAge >= 0 {
				t.Errorf("%s: the cookie %v is set", name, c)
			}
		}
	}
}

// Nobody can have the issuer asked, or fill the log, without end: a flow is good once,
// and an address of which too many fail waits.
func TestFailedLoginsByAnIssuerAreBounded(t *testing.T) {
	s := openSignOn(t)
	answer, cookie := s.begin()
	answer.Code = "junk"
	resp, body := s.finish(answer, cookie)
	refused(t, "junk", resp, body, 401, CodeUnauthenticated)
	for _, again := range []OIDCAnswer{answer, {State: answer.State, Error: "access_denied"}} {
		asked := len(s.issuer.Asked())
		resp, body := s.finish(again, cookie)
		refused(t, "once more", resp, body, 401, CodeUnauthenticated)
		if events := s.log.Since(0); len(events) != 1 || len(s.issuer.Asked()) != asked {
			t.Errorf("the same cookie makes %d events, and has the issuer asked %v", len(events), s.issuer.Asked()[asked:])
		}
	}
	for range 19 {
		answer, cookie := s.begin()
		resp, body := s.finish(OIDCAnswer{State: answer.State, Error: "access_denied"}, cookie)
		refused(t, "refused", resp, body, 401, CodeUnauthenticated)
	}
	answer, cookie = s.begin()
	asked := len(s.issuer.Asked())
	resp, body = s.finish(answer, cookie)
	refused(t, "after 20", resp, body, 429, CodeTooMany)
	if events := s.log.Since(0); len(events) != 20 || len(s.issuer.Asked()) != asked {
		t.Errorf("a locked address makes %d events, and has the issuer asked %v", len(events), s.issuer.Asked()[asked:])
	}
}

// What an issuer answers may be long, and is not for everybody's eyes.
func TestIssuersWordsAreClipped(t *testing.T) {
	s := openSignOn(t)
	long := strings.Repeat("A\n", 100_000)
	s.away.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, long, http.StatusBadGateway) })
	resp, body := s.ask("POST", "/v1/session/oidc", "", nil)
	refused(t, "a long page", resp, body, 503, CodeUnavailable)
	if len(body) > 500 {
		t.Errorf("%d bytes are told on", len(body))
	}
	s = openSignOn(t)
	answer, cookie := s.begin()
	s.away.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			http.Error(w, long, http.StatusBadGateway)
			return
		}
		s.issuer.ServeHTTP(w, r)
	})
	resp, body = s.finish(answer, cookie)
	refused(t, "long keys", resp, body, 401, CodeUnauthenticated)
	events := s.log.Since(0)
	if len(events) != 1 || len(body) > 500 || len(events[0].Message) > 400 || len(events[0].Fields["failure"]) > 300 {
		t.Errorf("%d bytes are told on, and %v written down", len(body), events)
	}
}

// Where the client's secret can't be read is for the log alone.
func TestSecretsPlaceIsNotTold(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("x"), 0o644))
	s := openSignOnAs(t, config.OIDC{SecretFile: secret})
	resp, body := s.finish(s.begin())
	refused(t, "a secret that others can read", resp, body, 500, CodeInternal)
	if events := fmt.Sprint(s.log.Since(0)); strings.Contains(body+events, secret) || !strings.Contains(s.logged.String(), "chmod 600 "+secret) {
		t.Errorf("told: %s %s\nlogged: %s", body, events, s.logged)
	}
}

// Without its issuer a node serves, and people log in with their passwords.
func TestIssuerThatIsAway(t *testing.T) {
	s := openSignOn(t)
	s.away.Close()
	resp, body := s.ask("POST", "/v1/session/oidc", "", nil)
	refused(t, "away", resp, body, 503, CodeUnavailable)
	s.login("admin")
	none := openPeople(t, &fakeFarm{})
	for _, method := range []string{"POST", "PUT"} {
		resp, body := none.ask(method, "/v1/session/oidc", "", nil)
		refused(t, method+" where there is none", resp, body, 409, CodeConflict)
	}
	if resp, body := none.ask("GET", config.LoginPath+"?code=x", "", nil); resp.StatusCode != 200 || !strings.Contains(body, "<!doctype html>") {
		t.Errorf("the page that the browser comes back to: %s %.80s", resp.Status, body)
	}
}
