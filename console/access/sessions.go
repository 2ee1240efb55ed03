package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"thresher/internal/wholefile"
)

// The ends of a session.
const (
	// SessionLife is how long a session lives, whatever happens.
	SessionLife = 12 * time.Hour
	// SessionIdle is how long one lives that nobody uses.
	SessionIdle = 30 * time.Minute
	// maxSessions bounds the memory; the oldest ends when there are more.
	maxSessions = 1000
)

// Session is a browser's right to come in.
type Session struct {
	// ID is the cookie's secret, known to the browser alone.
	ID string
	// CSRF is what the browser's page must send along to change something.
	CSRF string
	// Identity is the user.
	Identity Identity
	// Ends is when the session does at the latest.
	Ends time.Time
	// Vouched says that Options.By has vouched for the user, and Voucher is with what;
	// "" if that is not known any more.
	Vouched bool
	Voucher string
}

// session is what is kept of one.
type session struct {
	User string    `json:"user"`
	CSRF string    `json:"csrf"`
	Ends time.Time `json:"ends"`
	// Password is the hash of the user's password hash: with another password the
	// session ends.
	Password string `json:"password"`
	// By is who has said who the user is and what their Role is, where it is not the
	// file of users: what Options.By was then.
	By   string `json:"by,omitempty"`
	Role Role   `json:"role,omitempty"`

	voucher string // not written down: it says much of the user, and is of little use
	used    time.Time
}

// sessions are those of one node, by the hash of their id. They are written down
// so that a restart of the daemon ends none; an unreadable file only means that
// people log in again.
type sessions struct {
	path string // "" keeps them in memory alone
	all  map[string]*session
}

func openSessions(path string, now time.Time) sessions {
	s := sessions{path: path, all: make(map[string]*session)}
	text, err := os.ReadFile(path)
	if path == "" || err != nil || json.Unmarshal(text, &s.all) != nil || s.all == nil {
		s.all = make(map[string]*session)
	}
	for id, one := range s.all {
		if one == nil || !now.Before(one.Ends) {
			delete(s.all, id)
			continue
		}
		one.used = now
	}
	return s
}

// add begins a session, but for what ends it besides the time.
func (s *sessions) add(now time.Time, who Identity, one session) (Session, error) {
	id := newSecret()
	one.User, one.CSRF, one.Ends, one.used = who.Name, newSecret(), now.Add(SessionLife).Truncate(time.Second), now
	s.sweep(now)
	s.all[hashSecret(id)] = &one
	return one.of(id, who), s.save()
}

// of is the session with that id, of who has it.
func (s *session) of(id string, who Identity) Session {
	return Session{ID: id, CSRF: s.CSRF, Identity: who, Ends: s.Ends, Vouched: s.By != "", Voucher: s.voucher}
}

// find returns a session that has not ended.
func (s *sessions) find(now time.Time, id string) *session {
	one := s.all[hashSecret(id)]
	if one == nil || !now.Before(one.Ends) || now.Sub(one.used) > SessionIdle {
		return nil
	}
	one.used = now
	return one
}

// end ends a session.
func (s *sessions) end(id string) error {
	delete(s.all, hashSecret(id))
	return s.save()
}

// sweep takes ended sessions out, and the oldest if there are too many.
func (s *sessions) sweep(now time.Time) {
	var oldest string
	for id, one := range s.all {
		if !now.Before(one.Ends) || now.Sub(one.used) > SessionIdle {
			delete(s.all, id)
		} else if oldest == "" || one.Ends.Before(s.all[oldest].Ends) {
			oldest = id
		}
	}
	if len(s.all) >= maxSessions {
		delete(s.all, oldest)
	}
}

func (s *sessions) save() error {
	if s.path == "" {
		return nil
	}
	text, err := json.Marshal(s.all)
	if err != nil {
		return fmt.Errorf("write the sessions: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the sessions: %w", err)
	}
	if err := wholefile.Replace(s.path, text, 0o600); err != nil {
		return fmt.Errorf("write the sessions: %w", err)
	}
	return nil
}
