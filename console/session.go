package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"thresher/config"
	"thresher/console/access"
)

// maxLoginBytes is the longest login that is read.
const maxLoginBytes = 4 << 10

// Login is what a browser sends to log in.
type Login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// Session is who is logged in.
type Session struct {
	// User and Role are empty if nobody is.
	User string      `json:"user"`
	Role access.Role `json:"role"`
	// CSRF is what changes must send along as X-CSRF-Token; for browsers only.
	CSRF string `json:"csrf,omitempty"`
	// Ends is when the session does at the latest.
	Ends *time.Time `json:"ends,omitempty"`
	// Node is the node that answers, so that a login page can say where one is.
	Node string `json:"node"`
	// OIDC is the host where people may log in instead; empty if nowhere.
	OIDC string `json:"oidc,omitempty"`
}

func (s *Server) sessionOf(c caller) Session {
	out := Session{User: c.Name, Role: c.Role, Node: s.name}
	if s.issuer != nil {
		out.OIDC = s.issuer.Host()
	}
	if c.session != nil {
		out.CSRF, out.Ends = c.session.CSRF, &c.session.Ends
	}
	return out
}

// session answers GET /v1/session.
func (s *Server) session(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, s.sessionOf(callerOf(r)))
	return nil
}

// login answers POST /v1/session.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	in, err := readLogin(w, r)
	if err != nil {
		return err
	}
	if s.keeper == nil {
		return &Error{Code: CodeConflict, Message: "nobody logs in here: who reaches the socket may do all", Cure: "ask without logging in, or log in by HTTPS (api.listen)"}
	}
	session, err := s.keeper.Login(r.Context(), remoteAddr(r), in.User, in.Password)
	if session.ID == "" {
		// Not those that are not even looked at: they would crowd out all other events.
		if errors.Is(err, access.ErrRefused) {
			s.audit(r, in.User, "login", "", err)
		}
		return refusedLogin(err)
	}
	s.welcome(w, r, session, "", err)
	return nil
}

// welcome answers who has logged in, with the session's cookie. unsaved says why the
// session is not written down; nil if it is.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, session access.Session, detail string, unsaved error) {
	if unsaved != nil {
		s.logger.Warn("the session will not survive a restart", "error", unsaved)
	}
	s.audit(r, session.Identity.String(), "login", detail, nil)
	cookie := sessionCookie(r)
	cookie.Value, cookie.Expires = session.ID, session.Ends
	http.SetCookie(w, cookie)
	s.reply(w, r, http.StatusOK, s.sessionOf(caller{Identity: session.Identity, session: &session}))
}

// logout answers DELETE /v1/session.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	c := callerOf(r)
	if c.session == nil {
		return &Error{Code: CodeConflict, Message: "there is no session to end", Cure: "only a browser's session ends by this; a token ends with `thresher token remove`, the socket needs neither"}
	}
	if err := s.keeper.Logout(c.session.ID); err != nil {
		return err
	}
	s.audit(r, c.Identity.String(), "logout", "", nil)
	cookie := sessionCookie(r)
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
	if page := s.issuersEnd(r, c.session); page != "" {
		s.reply(w, r, http.StatusOK, OIDCPage{page})
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// issuersEnd is where who has come by an issuer logs out there, too; "" for nowhere. The
// session here has ended whatever comes of it.
func (s *Server) issuersEnd(r *http.Request, session *access.Session) string {
	if s.issuer == nil || !session.Vouched {
		return ""
	}
	return s.issuer.Leave(r.Context(), session.Voucher, origin(r)+config.LoginPath)
}

// sessionCookie is the cookie, but for its value.
func sessionCookie(r *http.Request) *http.Cookie {
	return &http.Cookie{Name: cookieNameFor(r), Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode}
}

func readLogin(w http.ResponseWriter, r *http.Request) (in Login, err error) {
	const cure = `send {"user": NAME, "password": PASSWORD} as application/json`
	if err := readJSON(w, r, &in, cure); err != nil {
		return in, err
	}
	if in.User == "" || in.Password == "" {
		return in, badRequest(cure, "the name or the password is empty")
	}
	return in, nil
}

// readJSON reads a short body into a value.
func readJSON(w http.ResponseWriter, r *http.Request, into any, cure string) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return badRequest(cure, "the body is %q", clip(r.Header.Get("Content-Type"), 80))
	}
	err := readBody(w, r, maxLoginBytes, into)
	if tooLong := tooLarge(err); tooLong != nil {
		return tooLong
	}
	if err != nil {
		return badRequest(cure, "the body can't be read: %v", err)
	}
	return nil
}

// endOf refuses what stands behind a value.
func endOf(dec *json.Decoder) error {
	_, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = errors.New("something stands behind the end")
	}
	return err
}

// tooLarge is the Error for a body that is too long; nil for other errors.
func tooLarge(err error) error {
	var tooLong *http.MaxBytesError
	if !errors.As(err, &tooLong) {
		return nil
	}
	return &Error{Code: CodeTooLarge, Message: fmt.Sprintf("the body is longer than %d bytes", tooLong.Limit), Cure: "send less"}
}
