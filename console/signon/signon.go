package signon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"thresher/config"
	"thresher/console/access"
	"thresher/internal/wholefile"
)

// FlowLife is how long somebody may take to log in at the issuer.
const FlowLife = 10 * time.Minute

// ErrFlow is an answer of the issuer's to a question that this browser has not asked,
// or asked too long ago, or that was answered already, or that a daemon before this one
// has asked.
var ErrFlow = errors.New("the login was not begun in this browser, or too long ago, or has ended already")

// UnreachableError is an issuer that does not answer as one.
type UnreachableError struct {
	Issuer string
	Err    error
}

// Error says which issuer, and what happened.
func (e *UnreachableError) Error() string {
	err := e.Err
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address, which is the issuer's
	}
	return fmt.Sprintf("%s: %v", e.Issuer, err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// NoRoleError is somebody whom the issuer knows, and who may do nothing here.
type NoRoleError struct {
	Person Person
	Claim  string
	Values []string // of the claim
}

// Error says who, and what was looked for.
func (e *NoRoleError) Error() string {
	return fmt.Sprintf("%s has no role here: the claim %s is %q", e.Person.Name, e.Claim, e.Values)
}

// SecretError is a client's secret that this node can't read: nothing for who logs in.
type SecretError struct{ Err error }

// Error says why, for this node's own people.
func (e *SecretError) Error() string { return fmt.Sprintf("read the client's secret: %v", e.Err) }

func (e *SecretError) Unwrap() error { return e.Err }

// Person is who has logged in.
type Person struct {
	// Name is for people; Subject is what the issuer never gives to another one.
	Name, Subject string
	Role          access.Role
	// Token is what the issuer has said so with, by which it knows them again (Leave).
	Token string
}

// Issuer is by whom people log in. It may be used by many goroutines.
type Issuer struct {
	config config.OIDC
	now    func() time.Time
	client *http.Client
	seal   seal
	spent  spent
	found  discovery
}

// New makes an issuer, and asks it nothing yet. A nil now is time.Now; a nil
// transport is http.DefaultTransport.
func New(c config.OIDC, now func() time.Time, transport http.RoundTripper) *Issuer {
	if now == nil {
		now = time.Now
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	client := &http.Client{Transport: bounded{transport}, Timeout: answerTime, CheckRedirect: noRedirect}
	return &Issuer{config: c, now: now, client: client, seal: newSeal(), found: newDiscovery()}
}

// Host is the issuer's, for people.
func (i *Issuer) Host() string { return i.config.Host() }

// ID changes with everything that decides who may do what.
func (i *Issuer) ID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []any{i.config.Issuer, i.config.ClientID, i.config.Claim, i.config.Admin, i.config.Control, i.config.Monitor}))
	return hex.EncodeToString(sum[:])
}

// Begin returns the issuer's page to go to, and a flow for this browser alone, to be
// given to Finish. back is where the browser comes back to unless that is configured.
func (i *Issuer) Begin(ctx context.Context, back string) (page, flow string, err error) {
	provider, err := i.provider(ctx)
	if err != nil {
		return "", "", err
	}
	f := newFlow(i.now().Add(FlowLife), i.back(back))
	page = i.oauth(provider, f.Back, "").AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	flow, err = i.seal.close(f)
	return page, flow, err
}

// Finish returns who has logged in, by the flow from Begin and what the issuer has
// answered. The errors are ErrFlow, *UnreachableError, *SecretError, *NoRoleError, and
// others where the issuer or its token is refused; they may quote the issuer at length.
func (i *Issuer) Finish(ctx context.Context, flow, state, code string) (Person, error) {
	f, err := i.take(flow, state)
	if err != nil {
		return Person{}, err
	}
	provider, err := i.provider(ctx)
	if err != nil {
		return Person{}, err
	}
	secret, err := i.secret()
	if err != nil {
		return Person{}, err
	}
	ctx = oidc.ClientContext(ctx, i.client)
	tokens, err := i.oauth(provider, f.Back, secret).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return Person{}, i.exchangeError(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := i.verify(ctx, provider, raw, f.Nonce)
	if err != nil {
		return Person{}, fmt.Errorf("the issuer's token is refused: %w", err)
	}
	p, err := i.person(token)
	p.Token = raw
	return p, err
}

// Leave returns the issuer's page on which who has come with that token logs out there,
// too, and which leads back to here; "" if the issuer has none, or is away. Without the
// token, "", the issuer asks whether they mean it.
func (i *Issuer) Leave(ctx context.Context, token, back string) string {
	provider, err := i.provider(ctx)
	if err != nil {
		return ""
	}
	page := endPage(i.config.Issuer, provider)
	if page == nil {
		return ""
	}
	q := page.Query()
	q.Set("client_id", i.config.ClientID)
	q.Set("post_logout_redirect_uri", i.back(back))
	if token != "" {
		q.Set("id_token_hint", token)
	}
	page.RawQuery = q.Encode()
	return page.String()
}

// back is where the issuer sends a browser that has come from that page.
func (i *Issuer) back(page string) string { return cmp.Or(i.config.Redirect, page) }

// take opens the flow that the issuer's answer is to, once; the error is ErrFlow.
func (i *Issuer) take(text, state string) (flow, error) {
	now := i.now()
	f, err := i.seal.open(text)
	if err != nil || !now.Before(f.Ends) || !access.SameText(f.State, state) || !i.spent.first(now, f) {
		return flow{}, ErrFlow
	}
	return f, nil
}

// oauth is what the issuer knows this farm by, in OAuth 2.0.
func (i *Issuer) oauth(p *oidc.Provider, back, secret string) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = authStyle(p, secret)
	return &oauth2.Config{
		ClientID: i.config.ClientID, ClientSecret: secret, Endpoint: endpoint, RedirectURL: back,
		Scopes: append([]string{oidc.ScopeOpenID}, i.config.Scopes...),
	}
}

// authStyle is how the issuer wants the client's secret: the library, if it is not told,
// tries both ways with one code, which is good once. An issuer that does not say wants
// it in the header (OpenID Connect Discovery, 3).
func authStyle(p *oidc.Provider, secret string) oauth2.AuthStyle {
	var said struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	err := p.Claims(&said)
	basic := err != nil || len(said.Methods) == 0 || slices.Contains(said.Methods, "client_secret_basic")
	if secret != "" && (basic || !slices.Contains(said.Methods, "client_secret_post")) {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// secret is read each time, so that a new one needs no restart.
func (i *Issuer) secret() (string, error) {
	if i.config.SecretFile == "" {
		return "", nil
	}
	text, err := ReadSecret(i.config.SecretFile)
	if err != nil {
		return "", &SecretError{err}
	}
	return text, nil
}

// maxSecret bounds a file with one secret.
const maxSecret = 4096

// ReadSecret reads a client's secret, which nobody but the file's owner may.
func ReadSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s: open to others (mode %04o); chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := wholefile.Read(path, maxSecret)
	return strings.TrimSpace(string(text)), err
}

// exchangeError tells an issuer that refuses the code from one that does not answer.
func (i *Issuer) exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return &UnreachableError{i.config.Issuer, err}
	}
	// Its body may have anything in it: only what the standard names is told on.
	return fmt.Errorf("the issuer refuses the code: %s %.200q", refused.ErrorCode, refused.ErrorDescription)
}

// verify checks what the library leaves to its users besides what it checks itself:
// signature, issuer, audience and validity (OpenID Connect Core, 3.1.3.7).
func (i *Issuer) verify(ctx context.Context, p *oidc.Provider, raw, nonce string) (*oidc.IDToken, error) {
	token, err := p.VerifierContext(ctx, &oidc.Config{ClientID: i.config.ClientID, Now: i.now}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if !access.SameText(token.Nonce, nonce) {
		return nil, errors.New("it is not for this login: the nonce is another one")
	}
	var c struct {
		Party string `json:"azp"`
	}
	if err := token.Claims(&c); err != nil {
		return nil, err
	}
	if c.Party != i.config.ClientID && (c.Party != "" || len(token.Audience) > 1) {
		return nil, fmt.Errorf("it was made for %q", c.Party)
	}
	return token, nil
}

// Refused is the error of a login that the issuer has ended, with what it has said;
// ErrFlow if that is no answer to this browser.
func (i *Issuer) Refused(flow, state, code, description string) error {
	if _, err := i.take(flow, state); err != nil {
		return err
	}
	return fmt.Errorf("the issuer has refused: %s %q", code, description)
}
