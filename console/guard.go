package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"thresher/console/access"
	"thresher/internal/crowd"
)

// What one address may ask for, and how many are remembered.
const (
	requestsPerSecond = 50
	requestsAtOnce    = 200 // a page and all that it loads, many times over
	maxAddresses      = 4096
)

// The cookie of a session. A name that begins with __Host- is taken by browsers
// only if it is Secure, for all paths and for this host alone (RFC 6265bis, 4.1.3.2).
const (
	cookieName      = "__Host-thresher"
	plainCookieName = "thresher" // where there is no TLS, on loopback
	csrfHeader      = "X-CSRF-Token"
)

// contentPolicy lets the page load from here alone, run no script in it, and be
// framed by nobody. Source: CSP level 3.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard stands before everything that is reached from outside the machine.
type guard struct {
	server *Server
	keeper *access.Keeper
	names  []string // that browsers may know this node by
	cross  *http.CrossOriginProtection
	rates  rates
}

func (s *Server) newGuard(names []string) *guard {
	g := &guard{server: s, keeper: s.keeper, cross: http.NewCrossOriginProtection(), rates: rates{known: make(map[netip.Addr]*rate.Limiter)}}
	for _, name := range names {
		g.names = append(g.names, strings.ToLower(name))
	}
	return g
}

// wrap refuses what comes from a wrong place, or too often, and finds out who
// asks. What somebody may do is the routes' to say.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Secure(w.Header())
		r, err := g.admit(r)
		if err != nil {
			g.server.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Secure says what browsers must not do with an answer.
func Secure(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
}

func (g *guard) admit(r *http.Request) (*http.Request, error) {
	if !g.rates.allow(time.Now(), remoteAddr(r)) {
		return r, &Error{Code: CodeTooMany, Message: "too many requests from this address or network", Cure: "wait a second"}
	}
	if !g.knownHost(r) {
		return r, &Error{
			Code: CodeForbidden, Message: fmt.Sprintf("this node is not known as %q", clip(r.Host, 80)),
			Cure: "use its name or address, or add the name to api.hosts",
		}
	}
	if err := g.cross.Check(r); err != nil {
		return r, &Error{Code: CodeForbidden, Message: "the request comes from another site: " + err.Error(), Cure: "make it from this node's own page, or with a token"}
	}
	c, err := g.identify(r)
	if err != nil {
		return r, err
	}
	c.remote = true
	c.still = func() bool {
		now, err := g.identify(r)
		return err == nil && now.Identity == c.Identity
	}
	return withCaller(r, c), nil
}

// knownHost keeps another site from passing for this one by having its name point
// here (DNS rebinding). An address is what it is, and passes if it is ours.
func (g *guard) knownHost(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		return local != nil && crowd.AddressOf(local) == addr.Unmap()
	}
	return slices.Contains(g.names, strings.ToLower(host))
}

// identify finds out who asks: nobody, if neither token nor session is given.
func (g *guard) identify(r *http.Request) (caller, error) {
	if text := r.Header.Get("Authorization"); text != "" {
		scheme, token, _ := strings.Cut(text, " ")
		who, err := g.keeper.Token(strings.TrimSpace(token))
		if !strings.EqualFold(scheme, "Bearer") || err != nil {
			return caller{}, &Error{
				Code: CodeUnauthenticated, Message: "the token is not one of this node's, or has expired",
				Cure: "make one with `thresher token add` and send it as Authorization: Bearer TOKEN",
			}
		}
		return caller{Identity: who}, nil
	}
	cookie, err := r.Cookie(cookieNameFor(r))
	if err != nil {
		return caller{}, nil
	}
	session, err := g.keeper.Session(cookie.Value)
	if err != nil {
		return caller{}, nil // it has ended: nobody is logged in
	}
	return caller{Identity: session.Identity, session: &session}, nil
}

func cookieNameFor(r *http.Request) string {
	if r.TLS == nil {
		return plainCookieName
	}
	return cookieName
}

// permit refuses who may not do what needs that role. Changes by a browser need
// the page's token besides, which no other page can know.
func permit(r *http.Request, need access.Role) error {
	c := callerOf(r)
	switch {
	case need == "":
	case c.Role == "":
		return &Error{Code: CodeUnauthenticated, Message: "nobody is logged in", Cure: "log in, or send a token"}
	case !c.Role.Allows(need):
		return &Error{
			Code: CodeForbidden, Message: fmt.Sprintf("%s may not do this: it needs the role %s", c.Identity, need),
			Cure: "ask an admin for it",
		}
	}
	if c.session != nil && changes(r.Method) && !access.SameText(r.Header.Get(csrfHeader), c.session.CSRF) {
		return &Error{Code: CodeForbidden, Message: "the request does not come from this node's page", Cure: "load the page again"}
	}
	return nil
}

// changes tells whether a method may change something (RFC 9110, 9.2.1).
func changes(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// remoteAddr is where a request comes from.
func remoteAddr(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap()
}

// rates counts the requests of each address, or network (crowd.Of).
type rates struct {
	mu    sync.Mutex
	known map[netip.Addr]*rate.Limiter
}

func (r *rates) allow(now time.Time, from netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	from = crowd.Of(from)
	one := r.known[from]
	if one == nil {
		if len(r.known) >= maxAddresses {
			clear(r.known) // all get a new allowance, which is harmless
		}
		one = rate.NewLimiter(requestsPerSecond, requestsAtOnce)
		r.known[from] = one
	}
	return one.AllowN(now, 1)
}

// refusedLogin says why a login was refused, and no more than may be known.
func refusedLogin(err error) error {
	var locked *access.LockedError
	switch {
	case errors.As(err, &locked):
		return &Error{Code: CodeTooMany, Message: locked.Error(), Cure: "wait, then try again"}
	case errors.Is(err, access.ErrBusy):
		return &Error{Code: CodeTooMany, Message: err.Error(), Cure: "try again in a moment"}
	case errors.Is(err, access.ErrRefused):
		return &Error{Code: CodeUnauthenticated, Message: "the name or the password is wrong", Cure: "try again; an administrator sets another password with `thresher user`"}
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("log in: %w", err)
}
