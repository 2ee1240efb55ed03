package access

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const password = "correct horse"

var client = netip.MustParseAddr("192.0.2.7")

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) add(d time.Duration) { c.now = c.now.Add(d) }

// newKeeper returns a keeper with alice, an admin, and machine, a token.
func newKeeper(t *testing.T) (k *Keeper, c *clock, path, token string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "etc", "users")
	token, sum := NewToken()
	c = &clock{time.Now()}
	err := Update(path, func(f *File) error {
		f.Users = append(f.Users, User{"alice", Admin, HashPassword(password)})
		f.Tokens = append(f.Tokens, Token{"machine", Monitor, c.now.Add(time.Hour), sum})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{File: path, Sessions: filepath.Join(filepath.Dir(path), "state", "sessions"), Now: func() time.Time { return c.now }}
	return NewKeeper(o), c, path, token
}

func TestRoles(t *testing.T) {
	for i, have := range Roles() {
		for j, need := range Roles() {
			if have.Allows(need) != (i >= j) {
				t.Errorf("%s allows %s: %v", have, need, have.Allows(need))
			}
		}
	}
	if Role("root").Allows(Monitor) || Admin.Allows("root") || Role("").Allows("") {
		t.Error("what is no role allows something")
	}
}

func TestPasswordHash(t *testing.T) {
	text := HashPassword(password)
	h, err := parseHash(text)
	if err != nil || !h.matches(password) || h.matches(password+" ") {
		t.Errorf("%s: %v", text, err)
	}
	if HashPassword(password) == text {
		t.Error("two hashes have one salt")
	}
	for _, bad := range []string{
		"", "x", strings.Replace(text, "argon2id", "argon2i", 1), strings.Replace(text, "m=19456", "m=4194304", 1),
		strings.Replace(text, "t=2", "t=0", 1), strings.Replace(text, "t=2", "t=+2", 1), strings.Replace(text, "p=1", "p=99", 1),
		text + "$", text[:len(text)-1] + "!", "$argon2id$v=19$m=19456,t=2,p=1$$",
	} {
		if _, err := parseHash(bad); !errors.Is(err, ErrHash) {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 1025)} {
		if CheckPassword(bad) == nil {
			t.Errorf("a password of %d bytes is taken", len(bad))
		}
	}
}

func TestBadFiles(t *testing.T) {
	h, s := HashPassword(password), hashSecret("x")
	user := func(name, role, hash string) string {
		return "users: [{name: '" + name + "', role: " + role + ", password: '" + hash + "'}]\n"
	}
	token := "{name: a, role: admin, expires: 2030-01-01T00:00:00Z, hash: '" + s + "'}"
	for _, tt := range []struct{ text, says string }{
		{"user: []", "field user not found"},
		{"users: []\n---\nusers: []", "one document"},
		{user("a", "root", h), `"root" is no role`},
		{user("../a", "admin", h), "is no name"},
		{user("a", "admin", "secret"), "thresher user add"},
		{"tokens: [" + token + ", " + token + "]", "twice"},
		{"tokens: [" + strings.Replace(token, "sha256:", "md5:", 1) + "]", "thresher token add"},
		{strings.Repeat(" ", maxFile+1), "larger"},
	} {
		if _, err := Parse("F", []byte(tt.text)); err == nil || !strings.HasPrefix(err.Error(), "F: ") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%.80q: %v, want %q", tt.text, err, tt.says)
		}
	}
	for _, text := range []string{"s3cret", "users: s3cret", "tokens: [{hash: *s3cret}]", "users: [s3cret]", "users: [{password: !!int s3cret}]"} {
		if _, err := Parse("F", []byte(text)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Parse("F", nil); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("users:\n- {name: a, role: admin, password: '" + HashPassword("x") + "'}\n"))
	f.Add([]byte("tokens:\n- {name: a, role: monitor, expires: 2030-01-01T00:00:00Z, hash: '" + hashSecret("x") + "'}\n"))
	f.Add([]byte("users: *a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("F", text)
		if err != nil {
			return
		}
		for _, u := range file.Users {
			if _, err := parseHash(u.Password); err != nil || !u.Role.Allows(Monitor) {
				t.Errorf("user %+v is let in", u)
			}
		}
	})
}

func TestOthersMayNotReadTheFile(t *testing.T) {
	k, c, path, token := newKeeper(t)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	c.add(2 * fileCheck)
	if err := k.Problem(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("problem %v", err)
	}
	if _, err := k.Token(token); !errors.Is(err, ErrRefused) {
		t.Errorf("let in by an open file: %v", err)
	}
}

func TestLoginAndItsEnds(t *testing.T) {
	k, c, path, _ := newKeeper(t)
	login := func() Session {
		t.Helper()
		s, err := k.Login(t.Context(), client, "alice", password)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	gone := func(what string, s Session) {
		t.Helper()
		if _, err := k.Session(s.ID); !errors.Is(err, ErrRefused) {
			t.Errorf("the session lives after %s: %v", what, err)
		}
	}
	s := login()
	if got, err := k.Session(s.ID); err != nil || got != s || got.Identity != (Identity{"alice", Admin}) {
		t.Errorf("%+v, %v", got, err)
	}
	gone("nothing: it is another's", Session{ID: s.CSRF})
	c.add(SessionIdle + time.Second)
	gone("idling", s)
	s = login()
	for range int(SessionLife/SessionIdle) + 2 {
		c.add(SessionIdle - time.Minute)
		_, _ = k.Session(s.ID)
	}
	gone("its life", s)
	s = login()
	if err := k.Logout(s.ID); err != nil {
		t.Error(err)
	}
	gone("logging out", s)
	s = login()
	// Another process goes on with it.
	k = NewKeeper(Options{File: path, Sessions: k.sessions.path, Now: k.now})
	if _, err := k.Session(s.ID); err != nil {
		t.Errorf("a restart ended the session: %v", err)
	}
	change := func(f func(*File) error) {
		t.Helper()
		if err := Update(path, f); err != nil {
			t.Fatal(err)
		}
		c.add(2 * fileCheck)
	}
	change(func(f *File) error { f.User("alice").Role = Monitor; return nil })
	if got, err := k.Session(s.ID); err != nil || got.Identity.Role != Monitor {
		t.Errorf("after another role: %+v, %v", got, err)
	}
	change(func(f *File) error { f.User("alice").Password = HashPassword("another one"); return nil })
	gone("another password", s)
	change(func(f *File) error { f.User("alice").Password = HashPassword(password); return nil })
	s = login()
	change(func(f *File) error { f.Remove("alice"); return nil })
	gone("the user's end", s)
}

// Somebody whom another vouches for stays until that one, or what it says, changes.
func TestSessionsOfOthers(t *testing.T) {
	k, c, path, _ := newKeeper(t)
	k.by = "issuer"
	s, err := k.Enter(Identity{"oidc alice", Control}, "token")
	if err != nil {
		t.Fatal(err)
	}
	again := func(by string) error {
		got, err := NewKeeper(Options{File: path, Sessions: k.sessions.path, By: by, Now: k.now}).Session(s.ID)
		if err == nil && (got.Identity != s.Identity || got.CSRF != s.CSRF || !got.Ends.Equal(s.Ends) || !got.Vouched || got.Voucher != "") {
			t.Errorf("%+v, want %+v without the voucher", got, s)
		}
		return err
	}
	if here, err := k.Session(s.ID); err != nil || !here.Vouched || here.Voucher != "token" {
		t.Errorf("%+v, %v", here, err)
	}
	if err := again("issuer"); err != nil {
		t.Errorf("a restart ended the session: %v", err)
	}
	for _, by := range []string{"", "another"} {
		if err := again(by); !errors.Is(err, ErrRefused) {
			t.Errorf("vouched for by %q now: %v", by, err)
		}
	}
	c.add(SessionIdle + time.Second)
	if err := again("issuer"); err != nil {
		t.Errorf("a restart begins the time anew: %v", err)
	}
	if _, err := k.Session(s.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("after idling: %v", err)
	}
}

func TestTokenEnds(t *testing.T) {
	k, c, path, token := newKeeper(t)
	if who, err := k.Token(token); err != nil || who != (Identity{"token machine", Monitor}) {
		t.Errorf("%v, %v", who, err)
	}
	if _, err := k.Token(token + "x"); !errors.Is(err, ErrRefused) {
		t.Errorf("another token: %v", err)
	}
	c.add(time.Hour)
	if _, err := k.Token(token); !errors.Is(err, ErrRefused) {
		t.Errorf("after its end: %v", err)
	}
	if err := Update(path, func(f *File) error { f.RemoveToken("machine"); return nil }); err != nil {
		t.Error(err)
	}
}

func TestWrongPasswordsLock(t *testing.T) {
	k, c, _, _ := newKeeper(t)
	wrong := func(name string) error {
		_, err := k.Login(t.Context(), client, name, "wrong")
		return err
	}
	for range failsPerUser {
		if err := wrong("alice"); !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
	}
	var locked *LockedError
	if _, err := k.Login(t.Context(), client, "alice", password); !errors.As(err, &locked) || locked.For > firstLock {
		t.Errorf("the right password after wrong ones: %v", err)
	}
	// Somebody else's guesses lock nobody out.
	if _, err := k.Login(t.Context(), netip.MustParseAddr("192.0.2.8"), "alice", password); err != nil {
		t.Errorf("from another address: %v", err)
	}
	c.add(firstLock)
	if _, err := k.Login(t.Context(), client, "alice", password); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestLockoutGrowsAndIsBounded(t *testing.T) {
	l, now := newLockout(), time.Now()
	for i, want := range []time.Duration{firstLock, 2 * firstLock, 4 * firstLock, 8 * firstLock, 16 * firstLock, longestLock, longestLock} {
		l.fail(now, "a", 1)
		if got := l.locked(now, "a"); got != want {
			t.Errorf("lock %d is for %v, want %v", i, got, want)
		}
	}
	now = now.Add(longestLock + failWindow + 1)
	l.fail(now, "a", 2)
	if l.locked(now, "a") != 0 {
		t.Error("old failures count")
	}
	for i := range 2 * maxTracked {
		l.fail(now.Add(time.Duration(i)), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), 5)
	}
	if len(l.tracked) > maxTracked {
		t.Errorf("%d are tracked", len(l.tracked))
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s, now := openSessions("", time.Now()), time.Now()
	for i := range maxSessions + 10 {
		if _, err := s.add(now.Add(time.Duration(i)*time.Second), Identity{Name: "a"}, session{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.all) > maxSessions {
		t.Errorf("%d sessions", len(s.all))
	}
}

// One password is checked at a time, and few wait.
func TestManyLogins(t *testing.T) {
	k, _, _, _ := newKeeper(t)
	for range maxWaiting {
		k.waiting <- struct{}{}
	}
	if _, err := k.Login(t.Context(), client, "alice", password); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond the queue: %v", err)
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	_, _, path, _ := newKeeper(t)
	before, _ := os.ReadFile(path)
	for _, change := range []func(*File) error{
		func(f *File) error { f.Users = nil; return errors.New("no") },
		func(f *File) error { f.Users = append(f.Users, f.Users[0]); return nil },
	} {
		if Update(path, change) == nil {
			t.Error("updated")
		}
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file has changed")
	}
	left, _ := filepath.Glob(filepath.Dir(path) + "/*.new-*")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || len(left) > 0 {
		t.Errorf("%v %v %v", info.Mode(), err, left)
	}
}
