package console

import (
	"errors"
	"fmt"
	"net/http"

	"thresher/config"
	"thresher/console/access"
	"thresher/console/signon"
)

// OIDCPage is where a browser is to go to log in, or out.
type OIDCPage struct {
	URL string `json:"url"`
}

// OIDCAnswer is what the issuer has sent the browser back with.
type OIDCAnswer struct {
	State string `json:"state"`
	// Code is empty where the issuer has refused, and the other two say why.
	Code        string `json:"code"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// beginOIDC answers POST /v1/session/oidc. The issuer sends the browser back to the
// console's page, which hands the answer over by a request of its own: so the flow's
// cookie is as strict as the session's, and no GET begins a session.
func (s *Server) beginOIDC(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	if s.issuer == nil {
		return noIssuer()
	}
	page, flow, err := s.issuer.Begin(r.Context(), origin(r)+config.LoginPath)
	if err != nil {
		return refusedOIDC(err)
	}
	cookie := flowCookie(r)
	cookie.Value, cookie.MaxAge = flow, int(signon.FlowLife.Seconds())
	http.SetCookie(w, cookie)
	s.reply(w, r, http.StatusOK, OIDCPage{page})
	return nil
}

// finishOIDC answers PUT /v1/session/oidc.
func (s *Server) finishOIDC(w http.ResponseWriter, r *http.Request) error {
	if s.issuer == nil {
		return noIssuer()
	}
	var in OIDCAnswer
	if err := readJSON(w, r, &in, `send {"state": STATE, "code": CODE} as application/json`); err != nil {
		return err
	}
	cookie := flowCookie(r)
	flow, err := r.Cookie(cookie.Name)
	if err != nil {
		return refusedOIDC(signon.ErrFlow)
	}
	cookie.MaxAge = -1 // whatever comes of it: it is good once
	http.SetCookie(w, cookie)
	if err := s.keeper.Locked(remoteAddr(r)); err != nil {
		return refusedLogin(err)
	}
	person, err := s.person(r, flow.Value, in)
	who := access.Identity{Name: clip("oidc "+person.Name, maxBehalf), Role: person.Role}
	if err != nil {
		if !errors.Is(err, signon.ErrFlow) { // which anybody may send, and would crowd out other events
			s.keeper.Failed(remoteAddr(r))
			s.audit(r, who.String(), "login", "", err)
		}
		return refusedOIDC(err)
	}
	session, err := s.keeper.Enter(who, person.Token)
	s.welcome(w, r, session, fmt.Sprintf("by %s as %s", s.issuer.Host(), clip(person.Subject, maxBehalf)), err)
	return nil
}

// person asks the issuer who it is, or takes its refusal.
func (s *Server) person(r *http.Request, flow string, in OIDCAnswer) (signon.Person, error) {
	if in.Error != "" {
		return signon.Person{}, s.issuer.Refused(flow, in.State, clip(in.Error, 80), clip(in.Description, 200))
	}
	person, err := s.issuer.Finish(r.Context(), flow, in.State, in.Code)
	var secret *signon.SecretError
	if errors.As(err, &secret) { // whose place is nobody's business who logs in
		s.logger.Error("nobody can log in by the issuer", "why", secret)
		err = &Error{Code: CodeInternal, Message: "this node can't ask the issuer for anybody", Cure: "its log says why"}
	}
	return person, err
}

// flowCookie is the cookie of a login under way, but for its value.
func flowCookie(r *http.Request) *http.Cookie {
	cookie := sessionCookie(r)
	cookie.Name += "-oidc"
	return cookie
}

// origin is where the browser has the page from. Its host was checked.
func origin(r *http.Request) string {
	if r.TLS == nil {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

func noIssuer() error {
	return &Error{Code: CodeConflict, Message: "nobody logs in here by OpenID Connect", Cure: "write api.oidc into the configuration, or log in with a password"}
}

// refusedOIDC says why somebody was not let in by an issuer, of which they may know no
// more than a line.
func refusedOIDC(err error) error {
	var (
		away   *signon.UnreachableError
		noRole *signon.NoRoleError
		told   *Error
	)
	switch {
	case errors.As(err, &told):
		return told
	case errors.Is(err, signon.ErrFlow):
		return &Error{Code: CodeUnauthenticated, Message: err.Error(), Cure: "log in again, on this page"}
	case errors.As(err, &noRole):
		return &Error{Code: CodeForbidden, Message: brief(noRole), Cure: "have the issuer give you one of the values below api.oidc.roles, or have one of yours written there"}
	case errors.As(err, &away):
		return &Error{Code: CodeUnavailable, Message: "the issuer does not answer: " + brief(away), Cure: "try again, or log in with a password"}
	}
	return &Error{Code: CodeUnauthenticated, Message: brief(err), Cure: "log in again; if that does not help, compare api.oidc with what the issuer has registered"}
}
