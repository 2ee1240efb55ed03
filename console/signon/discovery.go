package signon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// What an issuer may take, and how long is believed what it has said of itself.
const (
	answerTime   = 5 * time.Second
	answerBytes  = 1 << 20
	foundFor     = time.Hour
	notFoundFor  = 2 * time.Second // who asks meanwhile gets the same answer
	waitForOther = answerTime
)

// discovery is what the issuer has said of itself. One asks at a time.
type discovery struct {
	turn     chan struct{} // who has put something in may use what follows
	provider *oidc.Provider
	err      error
	until    time.Time
}

func newDiscovery() discovery { return discovery{turn: make(chan struct{}, 1)} }

// provider asks the issuer where its pages and keys are, unless that is known. The
// daemon starts without it, and an issuer that is away is asked again.
func (i *Issuer) provider(ctx context.Context) (*oidc.Provider, error) {
	ctx, cancel := context.WithTimeout(ctx, waitForOther)
	defer cancel()
	d := &i.found
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, &UnreachableError{i.config.Issuer, ctx.Err()}
	}
	defer func() { <-d.turn }()
	now := i.now()
	if now.Before(d.until) {
		return d.provider, d.err
	}
	// Whoever asks pays for all: their leaving must not spoil it.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.client), i.config.Issuer)
	if err == nil {
		err = checkEndpoints(i.config.Issuer, provider)
	}
	if err != nil {
		d.provider, d.err, d.until = nil, &UnreachableError{i.config.Issuer, err}, now.Add(notFoundFor)
	} else {
		d.provider, d.err, d.until = provider, nil, now.Add(foundFor)
	}
	return d.provider, d.err
}

// checkEndpoints refuses an issuer that sends browsers or the client's secret, or has
// its keys fetched, where TLS does not go though it goes to the issuer itself.
func checkEndpoints(issuer string, p *oidc.Provider) error {
	var more struct {
		Keys string `json:"jwks_uri"`
	}
	if err := p.Claims(&more); err != nil {
		return err
	}
	for _, one := range []string{p.Endpoint().AuthURL, p.Endpoint().TokenURL, more.Keys} {
		if _, err := pageOf(issuer, one); err != nil {
			return err
		}
	}
	return nil
}

// pageOf is an address that an issuer has named, which must not be without TLS if its own
// is not.
func pageOf(issuer, named string) (*url.URL, error) {
	home, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(named)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != home.Scheme {
		return nil, fmt.Errorf("it names %q, which is no %s address", named, home.Scheme)
	}
	return u, nil
}

// noRedirect keeps code and secret from where the issuer has not said they go.
func noRedirect(*http.Request, []*http.Request) error {
	return errors.New("it sends on to another address")
}

// bounded reads no more of an answer than any that is right has.
type bounded struct{ http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, answerBytes), resp.Body}
	}
	return resp, err
}

// endPage is where the issuer has people log out (OpenID Connect RP-Initiated Logout
// 1.0, 2.1); nil if it does not say, or names what it may not.
func endPage(issuer string, p *oidc.Provider) *url.URL {
	var said struct {
		End string `json:"end_session_endpoint"`
	}
	if p.Claims(&said) != nil || said.End == "" {
		return nil
	}
	page, err := pageOf(issuer, said.End)
	if err != nil {
		return nil
	}
	return page
}
