package access

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"thresher/internal/wholefile"
)

// DefaultFile is where users and tokens are kept unless told otherwise.
const DefaultFile = "/etc/thresher/users"

const fileHeader = "# Thresher's users and tokens. Change it by `thresher user` and `thresher token`.\n"

// maxFile bounds what is read: far above a thousand users.
const maxFile = 1 << 20

// maxEntries is how many users, and how many tokens, a file may have.
const maxEntries = 1000

// User is somebody with a password.
type User struct {
	Name string `yaml:"name"`
	Role Role   `yaml:"role"`
	// Password is its hash, as HashPassword writes it.
	Password string `yaml:"password"`
}

// Token is a machine's right to come in.
type Token struct {
	Name    string    `yaml:"name"`
	Role    Role      `yaml:"role"`
	Expires time.Time `yaml:"expires"`
	// Hash is the token's, as NewToken returns it.
	Hash string `yaml:"hash"`
}

// File is who may come in.
type File struct {
	Users  []User  `yaml:"users"`
	Tokens []Token `yaml:"tokens,omitempty"`
}

// NoUsers is the text of a file that nobody is in yet.
func NoUsers() []byte { return []byte(fileHeader) }

// User finds a user by name; nil if there is none.
func (f *File) User(name string) *User {
	for i := range f.Users {
		if f.Users[i].Name == name {
			return &f.Users[i]
		}
	}
	return nil
}

// Remove takes the users of that name out, and tells whether there was one.
func (f *File) Remove(name string) bool {
	before := len(f.Users)
	f.Users = slices.DeleteFunc(f.Users, func(u User) bool { return u.Name == name })
	return len(f.Users) < before
}

// RemoveToken takes the tokens of that name out, and tells whether there was one.
func (f *File) RemoveToken(name string) bool {
	before := len(f.Tokens)
	f.Tokens = slices.DeleteFunc(f.Tokens, func(t Token) bool { return t.Name == name })
	return len(f.Tokens) < before
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$`)

// CheckName says why a user or token can't have that name.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is no name; use up to 63 letters, digits, dots, dashes, underscores and @, beginning with a letter or digit", name)
	}
	return nil
}

// quotedValue is what the YAML parser quotes of a file with passwords in it.
var quotedValue = regexp.MustCompile("(?s) (`.*?`|'.*?')")

// Parse reads a file's text. It refuses what it does not know, and what is there
// twice: who can come in must not depend on how it is read.
func Parse(name string, text []byte) (*File, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	f := new(File)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", name, quotedValue.ReplaceAllString(err.Error(), " a value"))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: something stands behind the end; write everything into one document", name)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *File) check() error {
	if len(f.Users) > maxEntries || len(f.Tokens) > maxEntries {
		return fmt.Errorf("more than %d users or tokens", maxEntries)
	}
	seen := make(map[string]bool)
	for i, u := range f.Users {
		_, hashErr := parseHash(u.Password)
		_, roleErr := ParseRole(string(u.Role))
		if err := errors.Join(CheckName(u.Name), roleErr, hashErr, twice(seen, u.Name)); err != nil {
			return fmt.Errorf("users[%d]: %w", i, err)
		}
	}
	clear(seen)
	for i, t := range f.Tokens {
		_, roleErr := ParseRole(string(t.Role))
		err := errors.Join(CheckName(t.Name), roleErr, twice(seen, t.Name))
		if !isSecretHash(t.Hash) {
			err = errors.Join(err, errors.New("hash is not one that `thresher token add` writes"))
		}
		if err != nil {
			return fmt.Errorf("tokens[%d]: %w", i, err)
		}
	}
	return nil
}

func twice(seen map[string]bool, name string) error {
	if seen[name] {
		return fmt.Errorf("%q stands twice; give each name once", name)
	}
	seen[name] = true
	return nil
}

// Read reads a file. It must be a regular one that only its owner can write or
// read: whoever writes it is an admin.
func Read(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: no regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s: open to others (mode %04o); chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Update changes a file, or makes it, as a whole or not at all. Who updates at
// the same time waits.
func Update(path string, change func(*File) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	unlock, err := lock(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	f, err := Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = new(File), nil
	}
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := wholefile.Replace(path, append([]byte(fileHeader), text...), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := wholefile.Lock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
