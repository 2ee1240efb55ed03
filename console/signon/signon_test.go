package signon

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"thresher/config"
	"thresher/console/access"
	"thresher/internal/oidctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const back = "https://web1:9453" + config.LoginPath

// farm is an issuer, and a farm that is its client.
type farm struct {
	t      *testing.T
	issuer *oidctest.Issuer
	server *httptest.Server
	config config.OIDC
	now    time.Time
	*Issuer
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	f := &farm{t: t, now: time.Now()}
	var err error
	f.issuer, err = oidctest.New("thresher", "s3cret", map[string]any{"preferred_username": "alice", "groups": []string{"staff", "oncall"}})
	must(t, err)
	f.server = httptest.NewServer(f.issuer)
	t.Cleanup(f.server.Close)
	f.issuer.URL, f.issuer.Redirects = f.server.URL, []string{back}
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("s3cret\n"), 0o600))
	f.config = config.OIDC{
		Issuer: f.server.URL, ClientID: "thresher", SecretFile: secret, Scopes: []string{"profile"}, Claim: "groups",
		Admin: []string{"ops"}, Control: []string{"oncall"}, Monitor: []string{"staff"},
	}
	f.open()
	return f
}

// open makes the client anew, as a restart of the daemon does.
func (f *farm) open() {
	transport := &http.Transport{}
	f.t.Cleanup(transport.CloseIdleConnections)
	f.Issuer = New(f.config, func() time.Time { return f.now }, transport)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// visit goes to the issuer's page, and returns what it sends the browser back with.
func (f *farm) visit(page string) url.Values {
	f.t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer c.CloseIdleConnections()
	resp, err := c.Get(page)
	must(f.t, err)
	defer resp.Body.Close()
	at, err := resp.Location()
	must(f.t, err)
	if at.String() != back && !strings.HasPrefix(at.String(), back+"?") {
		f.t.Fatalf("the browser is sent to %v", at)
	}
	return at.Query()
}

// login goes through all of it.
func (f *farm) login() (Person, error) {
	f.t.Helper()
	page, flow, err := f.Begin(f.t.Context(), back)
	must(f.t, err)
	q := f.visit(page)
	return f.Finish(f.t.Context(), flow, q.Get("state"), q.Get("code"))
}

func TestLogin(t *testing.T) {
	f := newFarm(t)
	if got := f.issuer.Asked(); len(got) != 0 {
		t.Errorf("the issuer is asked %v before anybody logs in", got)
	}
	for range 2 {
		p, err := f.login()
		if want := (Person{"alice", "0042", access.Control, p.Token}); p != want || p.Token == "" || err != nil {
			t.Errorf("%+v, %v, want %+v", p, err, want)
		}
	}
	asked := strings.Join(f.issuer.Asked(), " ")
	if strings.Count(asked, "openid-configuration") != 1 || strings.Count(asked, "/keys") > 2 {
		t.Errorf("the issuer was asked %s", asked)
	}
}

// The secret goes as the issuer wants it, and the code once, whatever comes of it.
func TestCodesAreSentOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		secret  string
		methods []string
	}{
		"unsaid": {"s3cret", nil}, "header": {"s3cret", []string{"private_key_jwt", "client_secret_post", "client_secret_basic"}},
		"body": {"s3cret", []string{"client_secret_post"}}, "no secret": {"", []string{"none"}}, "no secret, unsaid": {"", nil},
	} {
		f := newFarm(t)
		f.issuer.Secret, f.issuer.Methods = tt.secret, tt.methods
		if tt.secret == "" {
			f.config.SecretFile = ""
			f.open()
		}
		if _, err := f.login(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.open() // what worked is forgotten
		f.issuer.Secret = "another"
		if _, err := f.login(); err == nil {
			t.Errorf("%s: a wrong secret is taken", name)
		}
		if n := strings.Count(strings.Join(f.issuer.Asked(), " "), "/token"); n != 2 {
			t.Errorf("%s: the issuer was asked for a token %d times by 2 logins", name, n)
		}
	}
}

// What an attacker, or a mistaken issuer, may come with.
func TestTokensThatAreRefused(t *testing.T) {
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	set := func(name string, value any) func(*oidctest.Issuer) {
		return func(i *oidctest.Issuer) { i.Change = func(c map[string]any) { c[name] = value } }
	}
	for name, tt := range map[string]struct {
		change func(*oidctest.Issuer)
		want   string
	}{
		"nonce":         {set("nonce", "another"), "the nonce is another one"},
		"no nonce":      {set("nonce", ""), "the nonce is another one"},
		"audience":      {set("aud", "another"), "expected audience"},
		"party":         {set("azp", "another"), `it was made for "another"`},
		"many parties":  {set("aud", []string{"thresher", "another"}), `it was made for ""`},
		"issuer":        {set("iss", "https://evil.example"), "issued by a different provider"},
		"expired":       {set("exp", time.Now().Add(-time.Minute).Unix()), "expired"},
		"not yet":       {set("nbf", time.Now().Add(time.Hour).Unix()), "before the nbf"},
		"another's key": {func(i *oidctest.Issuer) { i.Sign = stranger }, "failed to verify signature"},
		"secret":        {func(i *oidctest.Issuer) { i.Secret = "another" }, "refuses the code: invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(t)
			tt.change(f.issuer)
			if p, err := f.login(); err == nil || !strings.Contains(err.Error(), tt.want) || p != (Person{}) {
				t.Errorf("%+v, %v, want %q", p, err, tt.want)
			}
		})
	}
}

// A code is good for one browser, one question, one time, and not for ever.
func TestFlowsAreOfOneBrowser(t *testing.T) {
	f := newFarm(t)
	page, flow, err := f.Begin(t.Context(), back)
	must(t, err)
	q := f.visit(page)
	_, others, err := f.Begin(t.Context(), back)
	must(t, err)
	finish := func(flow, state string) error {
		_, err := f.Finish(t.Context(), flow, state, q.Get("code"))
		return err
	}
	for what, err := range map[string]error{
		"another browser": finish(others, q.Get("state")), "another state": finish(flow, "x"), "no state": finish(flow, ""),
		"no flow": finish("", q.Get("state")), "a changed flow": finish(flow[:len(flow)-2]+"AA", q.Get("state")), "no base64": finish("é", ""),
		"another's refusal": f.Refused(others, q.Get("state"), "access_denied", ""),
	} {
		if !errors.Is(err, ErrFlow) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, finish(flow, q.Get("state")))
	asked := len(f.issuer.Asked())
	if err := finish(flow, q.Get("state")); !errors.Is(err, ErrFlow) || len(f.issuer.Asked()) != asked {
		t.Errorf("a flow used twice: %v", err)
	}
	if err := f.Refused(flow, q.Get("state"), "access_denied", ""); !errors.Is(err, ErrFlow) {
		t.Errorf("refused after the login: %v", err)
	}
}

func TestFlowsThatTheIssuerHasRefused(t *testing.T) {
	f := newFarm(t)
	begin := func() (flow, state string) {
		page, flow, err := f.Begin(t.Context(), back)
		must(t, err)
		at, err := url.Parse(page)
		must(t, err)
		return flow, at.Query().Get("state")
	}
	flow, state := begin()
	if err := f.Refused(flow, state, "access_denied", "not you"); errors.Is(err, ErrFlow) || !strings.Contains(err.Error(), "not you") {
		t.Errorf("a refusal: %v", err)
	}
	if err := f.Refused(flow, state, "access_denied", ""); !errors.Is(err, ErrFlow) {
		t.Errorf("once more: %v", err)
	}
	late, lateState := begin()
	f.now = f.now.Add(FlowLife)
	_, err := f.Finish(t.Context(), late, lateState, "x")
	for what, err := range map[string]error{"a login": err, "a refusal": f.Refused(late, lateState, "access_denied", "")} {
		if !errors.Is(err, ErrFlow) {
			t.Errorf("%s that is too late: %v", what, err)
		}
	}
	flow, state = begin()
	f.open()
	if err := f.Refused(flow, state, "access_denied", ""); !errors.Is(err, ErrFlow) {
		t.Errorf("another daemon's flow: %v", err)
	}
}

// A code that was stolen with its state is of no use without the first browser's
// verifier, even in a flow of its own with the same state: PKCE.
func TestCodeOfAnotherVerifier(t *testing.T) {
	f := newFarm(t)
	page, flow, err := f.Begin(t.Context(), back)
	must(t, err)
	q := f.visit(page)
	mine, err := f.seal.open(flow)
	must(t, err)
	other := newFlow(f.now.Add(time.Minute), back)
	other.State, other.Nonce = mine.State, mine.Nonce
	forged, err := f.seal.close(other)
	must(t, err)
	if _, err := f.Finish(t.Context(), forged, q.Get("state"), q.Get("code")); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("%v", err)
	}
}

func TestRoles(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		claims map[string]any
		want   access.Role
	}{
		{"groups", map[string]any{"groups": []any{"staff", "ops", "oncall"}}, access.Admin},
		{"groups", map[string]any{"groups": "staff"}, access.Monitor},
		{"groups", map[string]any{"groups": []any{"Ops", 7, nil}}, ""},
		{"groups", map[string]any{"groups": map[string]any{"ops": true}}, ""},
		{"groups", map[string]any{}, ""},
		{"realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": []any{"ops"}}}, access.Admin},
		{"https://x.example/roles", map[string]any{"https://x.example/roles": []any{"oncall"}}, access.Control},
		{"a.b.c", map[string]any{"a": map[string]any{"b": map[string]any{"c": "ops"}}}, access.Admin},
		{"a.b", map[string]any{"a": "ops"}, ""},
	} {
		i := New(config.OIDC{Claim: tt.claim, Admin: []string{"ops"}, Control: []string{"oncall"}, Monitor: []string{"staff"}}, nil, nil)
		if got := i.role(valuesOf(tt.claims, tt.claim)); got != tt.want {
			t.Errorf("%s of %v is %q, want %q", tt.claim, tt.claims, got, tt.want)
		}
	}
}

// Who can read the secret can pass for the farm.
func TestSecretIsTheOwnersAlone(t *testing.T) {
	f := newFarm(t)
	must(t, os.Chmod(f.config.SecretFile, 0o640))
	if _, err := f.login(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("open to others: %v", err)
	}
	must(t, os.Remove(f.config.SecretFile))
	if _, err := f.login(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
}

func TestNobodyWithoutARole(t *testing.T) {
	f := newFarm(t)
	f.issuer.Claims["groups"] = []string{"guests"}
	var noRole *NoRoleError
	if _, err := f.login(); !errors.As(err, &noRole) || noRole.Person.Name != "alice" || !strings.Contains(err.Error(), "guests") {
		t.Errorf("%v", err)
	}
}

// An issuer that is away, or says what it should not, is told so, and is asked again.
func TestIssuerThatDoesNotAnswer(t *testing.T) {
	f := newFarm(t)
	var away *UnreachableError
	for what, wrong := range map[string]http.HandlerFunc{
		"not found":      http.NotFound,
		"another issuer": func(w http.ResponseWriter, _ *http.Request) { write(w, `{"issuer":"https://evil.example"}`) },
		"no JSON":        func(w http.ResponseWriter, _ *http.Request) { write(w, "hello") },
		"no end":         func(w http.ResponseWriter, _ *http.Request) { write(w, strings.Repeat(" ", 2*answerBytes)) },
		"sends on": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		},
		"a script's pages": func(w http.ResponseWriter, _ *http.Request) {
			write(w, `{"issuer":"`+f.server.URL+`","authorization_endpoint":"javascript:alert(1)"}`)
		},
		"keys from nowhere": func(w http.ResponseWriter, _ *http.Request) {
			write(w, `{"issuer":"`+f.server.URL+`","authorization_endpoint":"`+f.server.URL+`/a","token_endpoint":"`+f.server.URL+`/t","jwks_uri":"file:///keys"}`)
		},
	} {
		f.server.Config.Handler = wrong
		if _, _, err := f.Begin(t.Context(), back); !errors.As(err, &away) {
			t.Errorf("%s: %v", what, err)
		}
		f.now = f.now.Add(notFoundFor)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.found.turn <- struct{}{} // somebody else is asking
	if _, _, err := f.Begin(ctx, back); !errors.As(err, &away) {
		t.Errorf("waiting for ever: %v", err)
	}
	<-f.found.turn
	f.server.Config.Handler = f.issuer
	if p, err := f.login(); err != nil || p.Name != "alice" {
		t.Errorf("once it is back: %+v, %v", p, err)
	}
}

func write(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(text))
}

// Any change of who may do what ends the sessions of those before.
func TestIDOfTheRules(t *testing.T) {
	f := newFarm(t)
	was := f.ID()
	f.config.Monitor = nil
	f.open()
	if f.ID() == was {
		t.Error("other roles have the same id")
	}
	f.config.Monitor, f.config.SecretFile = []string{"staff"}, "/elsewhere"
	f.open()
	if f.ID() != was {
		t.Error("the secret's place decides who may do what")
	}
}

// Who logs out does so at the issuer, if that has a page for it, and comes back.
func TestLeave(t *testing.T) {
	f := newFarm(t)
	p, err := f.login()
	must(t, err)
	if page := f.Leave(t.Context(), p.Token, back); page != "" {
		t.Errorf("an issuer that names no page has %s", page)
	}
	for end, right := range map[string]bool{
		f.server.URL + "/logout": true, f.server.URL + "/logout?realm=ops": true, "https://elsewhere.example/logout": true,
		"/logout": false, "ftp://127.0.0.1/logout": false, "javascript:alert(1)": false, "::": false,
	} {
		f.issuer.Do(func() { f.issuer.End = end })
		f.open()
		page := f.Leave(t.Context(), p.Token, back)
		bare, _, _ := strings.Cut(end, "?")
		if strings.HasPrefix(page, bare) != right || !right && page != "" {
			t.Errorf("%s leads to %q", end, page)
		}
		if _, err := f.login(); err != nil {
			t.Errorf("with %s nobody can log in: %v", end, err)
		}
	}
	f.issuer.Do(func() { f.issuer.End = f.server.URL + "/logout?realm=ops" })
	f.open()
	in := f.issuer.LoggedIn()
	page := f.Leave(t.Context(), p.Token, back)
	if !strings.Contains(page, "realm=ops") || !strings.Contains(page, "client_id=thresher") {
		t.Errorf("the page is %s", page)
	}
	if q := f.visit(page); len(q) != 0 || f.issuer.LoggedIn() != in-1 {
		t.Errorf("sent back with %v, %d of %d are logged in", q, f.issuer.LoggedIn(), in)
	}
	f.server.Close()
	f.open()
	if page := f.Leave(t.Context(), p.Token, back); page != "" {
		t.Errorf("an issuer that is away has %s", page)
	}
}

// After a restart of the daemon the token is not known any more.
func TestLeaveWithoutAToken(t *testing.T) {
	f := newFarm(t)
	f.issuer.End = f.server.URL + "/logout"
	page, err := url.Parse(f.Leave(t.Context(), "", back))
	must(t, err)
	if q := page.Query(); q.Has("id_token_hint") || q.Get("client_id") != "thresher" || q.Get("post_logout_redirect_uri") != back {
		t.Errorf("the page is %v", page)
	}
}
