package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"time"
)

// fileCheck is how often a changed file is noticed at most.
const fileCheck = time.Second

const (
	// maxWaiting is how many may wait for their password to be checked.
	maxWaiting = 8
	// keptWaiting are the places besides for addresses that somebody has logged in from.
	keptWaiting = 4
)

// ErrRefused is a wrong name or password, session or token: which, is not said.
var ErrRefused = errors.New("no valid name and password, session or token")

// ErrBusy is too many passwords to check at a time.
var ErrBusy = errors.New("too many are logging in at a time")

// ErrNoUser is a file in which nobody is, or that there is not.
var ErrNoUser = errors.New("there is no user")

// LockedError is somebody who must wait after too many failed logins.
type LockedError struct{ For time.Duration }

// Error says for how long.
func (e *LockedError) Error() string {
	return fmt.Sprintf("too many failed logins: locked for %v", e.For.Round(time.Second))
}

// Keeper lets people in. It may be used by many goroutines.
type Keeper struct {
	path    string
	by      string
	now     func() time.Time
	waiting chan struct{} // who waits for checking
	kept    chan struct{} // who waits in the places of those that are familiar
	one     chan struct{} // who checks

	mu       sync.Mutex
	looked   time.Time
	stamp    stamp
	file     *File
	fileErr  error
	lockout  lockout
	familiar familiar
	sessions sessions
}

// stamp tells one state of a file from another.
type stamp struct {
	time time.Time
	size int64
	mode os.FileMode
}

// Options say what a Keeper works with.
type Options struct {
	// File is the file of users and tokens. It is read again when it changes.
	File string
	// Sessions is where sessions are written down; empty for nowhere.
	Sessions string
	// By names who else vouches for people, and how; empty if nobody does. Sessions
	// that another one has vouched for end.
	By string
	// Now is the time; nil for time.Now.
	Now func() time.Time
}

// NewKeeper returns a keeper. A file that can't be read lets nobody in until it
// can; Problem says why.
func NewKeeper(o Options) *Keeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{
		path: o.File, by: o.By, now: o.Now,
		waiting: make(chan struct{}, maxWaiting), kept: make(chan struct{}, keptWaiting), one: make(chan struct{}, 1),
		lockout: newLockout(), familiar: make(familiar), sessions: openSessions(o.Sessions, o.Now()),
	}
}

// Problem is why nobody can come in; nil if somebody can. It is ErrNoUser where the
// file is not to blame.
func (k *Keeper) Problem() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.current()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrNoUser, err)
	case err == nil && len(f.Users) == 0 && len(f.Tokens) == 0:
		return fmt.Errorf("%w in %s", ErrNoUser, k.path)
	}
	return err
}

// current is the file as it is now. The caller holds the lock.
func (k *Keeper) current() (*File, error) {
	now := k.now()
	if !k.looked.IsZero() && now.Sub(k.looked) < fileCheck {
		return k.file, k.fileErr
	}
	k.looked = now
	info, err := os.Stat(k.path)
	if err != nil {
		k.file, k.fileErr, k.stamp = new(File), err, stamp{}
		return k.file, k.fileErr
	}
	if s := (stamp{info.ModTime(), info.Size(), info.Mode()}); s != k.stamp {
		k.stamp = s
		if k.file, k.fileErr = Read(k.path); k.fileErr != nil {
			k.file = new(File)
		}
	}
	return k.file, k.fileErr
}

// Login begins a session for who knows the user's password.
func (k *Keeper) Login(ctx context.Context, from netip.Addr, name, password string) (Session, error) {
	t, known, err := k.beginLogin(from, name)
	if err != nil {
		return Session{}, err
	}
	right, err := k.check(ctx, t, known, password)
	if err != nil {
		return Session{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if !right || t.user == nil {
		k.lockout.fail(now, t.byUser, failsPerUser)
		k.lockout.fail(now, t.byAddress, failsPerAddress)
		return Session{}, ErrRefused
	}
	k.lockout.forget(t.byUser)
	k.lockout.forget(t.byAddress)
	k.familiar.add(now, from)
	return k.sessions.add(now, Identity{t.user.Name, t.user.Role}, session{Password: hashSecret(t.user.Password)})
}

// Enter begins a session for somebody whom Options.By vouches for, with that voucher.
func (k *Keeper) Enter(who Identity, voucher string) (Session, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sessions.add(k.now(), who, session{By: k.by, Role: who.Role, voucher: voucher})
}

// Locked is a *LockedError for an address that must wait; nil for any other one.
func (k *Keeper) Locked(from netip.Addr) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if wait := k.lockout.locked(k.now(), k.byAddress(from)); wait > 0 {
		return &LockedError{wait}
	}
	return nil
}

// Failed counts a login from an address that whom Options.By names has not vouched
// for, as a wrong password is.
func (k *Keeper) Failed(from netip.Addr) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lockout.fail(k.now(), k.byAddress(from), failsPerAddress)
}

// byAddress is what wrong passwords from an address are counted by. The caller holds
// the lock.
func (k *Keeper) byAddress(from netip.Addr) string { return "address " + k.familiar.of(from).String() }

// try is somebody's try to log in.
type try struct {
	user              *User // nil if there is no such one
	byUser, byAddress string
	familiar          bool
}

// beginLogin finds whom the password is of. A user that there is not is nil, with
// a hash all the same.
func (k *Keeper) beginLogin(from netip.Addr, name string) (try, hash, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	t := try{
		byUser: "user " + k.familiar.of(from).String() + " " + name, byAddress: k.byAddress(from),
		familiar: k.familiar.has(from),
	}
	if wait := max(k.lockout.locked(now, t.byUser), k.lockout.locked(now, t.byAddress)); wait > 0 {
		return t, hash{}, &LockedError{wait}
	}
	f, _ := k.current() // one that can't be read has nobody in it
	found := f.User(name)
	if found == nil {
		return t, nobody(), nil
	}
	user := *found
	t.user = &user
	h, err := parseHash(user.Password)
	return t, h, err
}

// check compares one password at a time.
func (k *Keeper) check(ctx context.Context, t try, h hash, password string) (bool, error) {
	leave, ok := k.wait(t.familiar)
	if !ok {
		return false, ErrBusy
	}
	defer leave()
	select {
	case k.one <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-k.one }()
	return len(password) <= maxPassword && h.matches(password), nil
}

// wait takes a place among those who wait, if there is one.
func (k *Keeper) wait(familiar bool) (leave func(), ok bool) {
	places := []chan struct{}{k.waiting}
	if familiar {
		places = append(places, k.kept)
	}
	for _, place := range places {
		select {
		case place <- struct{}{}:
			return func() { <-place }, true
		default:
		}
	}
	return nil, false
}

// Session returns the session with that id, with the user's role of now.
func (k *Keeper) Session(id string) (Session, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.sessions.find(k.now(), id)
	if one == nil {
		return Session{}, ErrRefused
	}
	who, ok := k.holder(one)
	if !ok {
		return Session{}, ErrRefused
	}
	return one.of(id, who), nil
}

// holder is whose session it is, as they may come in now. The caller holds the lock.
func (k *Keeper) holder(one *session) (Identity, bool) {
	if one.By != "" {
		return Identity{one.User, one.Role}, one.By == k.by
	}
	f, _ := k.current()
	user := f.User(one.User)
	if user == nil || !sameText(hashSecret(user.Password), one.Password) {
		return Identity{}, false
	}
	return Identity{user.Name, user.Role}, true
}

// Logout ends a session.
func (k *Keeper) Logout(id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sessions.end(id)
}

// Token returns whose token it is.
func (k *Keeper) Token(token string) (Identity, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, _ := k.current()
	sum := hashSecret(token)
	for _, t := range f.Tokens {
		if sameText(t.Hash, sum) && k.now().Before(t.Expires) {
			return Identity{"token " + t.Name, t.Role}, nil
		}
	}
	return Identity{}, ErrRefused
}

// SameText compares secrets in a time that says nothing of them.
func SameText(a, b string) bool { return sameText(a, b) }
