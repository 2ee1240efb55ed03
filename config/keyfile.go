package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"thresher/internal/wholefile"
)

const keyHeader = "# Thresher key file: the farm's secrets, the same on every node. Keep it secret.\n"

// maxKeyFile bounds what is read as a key file. WriteKeys writes some 180 bytes.
const maxKeyFile = 4096

const newKeyCure = "copy it again from another node, or make a new one for all with `thresher key FILE`"

// WriteKeys makes a key file that only its owner may read, and puts it on the
// disk for good. It never overwrites: the old keys may be the farm's only ones.
// The error is of type *Error.
func WriteKeys(path string, k Keys) error {
	err := wholefile.Create(path, FormatKeys(k))
	if errors.Is(err, fs.ErrExist) {
		return &Error{File: path, Problem: "exists, and keys are never overwritten", Cure: "remove it first or use another name", cause: err}
	} else if err != nil {
		return &Error{File: path, Problem: bare(err).Error(), Cure: cureUnwritable(path, err), cause: err}
	}
	return nil
}

// cureUnwritable says what to do about a file that can't be made.
func cureUnwritable(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "make the directory " + filepath.Dir(path) + " first, or use another name"
	case errors.Is(err, fs.ErrPermission):
		return "run as root, or use another name"
	}
	return "use another name, on a disk that can be written"
}

// FormatKeys is the text of a key file.
func FormatKeys(k Keys) []byte {
	enc := base64.StdEncoding
	b := fmt.Appendf(nil, "%sgossip: %s\nhash: %s%s\n", keyHeader,
		enc.EncodeToString(k.Gossip[:]), k.Hash.Function.prefix(), enc.EncodeToString(k.Hash.Secret[:]))
	if k.Next != noKey {
		b = fmt.Appendf(b, "next: %s\n", enc.EncodeToString(k.Next[:]))
	}
	if k.Before != noKey {
		b = fmt.Appendf(b, "before: %s\n", enc.EncodeToString(k.Before[:]))
	}
	return b
}

// ReadKeys reads a key file. It must be a regular file that nobody but its
// owner has any right to. The error is of type *Error; it has no secrets in it.
func ReadKeys(path string) (Keys, error) {
	f, err := wholefile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Keys{}, &Error{File: path, Problem: "no such key file", Cure: "make it with `thresher key " + path + "`, or copy it from another node", cause: err}
	} else if errors.Is(err, wholefile.ErrNotRegular) {
		return Keys{}, &Error{File: path, Problem: "the key file is no regular file", Cure: newKeyCure, cause: err}
	} else if err != nil {
		return Keys{}, keyError(path, err)
	}
	defer f.Close()
	if err := checkKeyMode(path, f); err != nil {
		return Keys{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return Keys{}, keyError(path, err)
	}
	return parseKeys(path, data)
}

func checkKeyMode(path string, f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return keyError(path, err)
	case info.Mode().Perm()&0o077 != 0:
		return &Error{File: path, Problem: fmt.Sprintf("the key file is open to others (mode %04o)", info.Mode().Perm()), Cure: "chmod 600 " + path}
	}
	return nil
}

func keyError(path string, err error) *Error {
	return &Error{File: path, Problem: bare(err).Error(), Cure: cureUnreadable(err), cause: err}
}

// parseKeys reads a key file's text: a gossip and a hash key, each once, while the
// farm changes its gossip key the other one, too, and besides comments and
// empty lines nothing else. Messages say nothing of a line's content, which may
// be a secret.
func parseKeys(name string, data []byte) (Keys, error) {
	if len(data) > maxKeyFile {
		return Keys{}, &Error{File: name, Problem: fmt.Sprintf("larger than %d bytes", maxKeyFile), Cure: newKeyCure}
	}
	var k Keys
	gossip := func(into *[32]byte) func(string) string {
		return func(text string) string { return parseKey(into[:], text) }
	}
	parts := map[string]func(text string) (problem string){
		"gossip": gossip(&k.Gossip), "hash": k.Hash.parse, "next": gossip(&k.Next), "before": gossip(&k.Before),
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, text, _ := strings.Cut(line, ":")
		parse, ok := parts[key]
		if !ok {
			return Keys{}, &Error{File: name, Line: number, Problem: "no key of a name that is known, or a second one", Cure: newKeyCure}
		}
		if problem := parse(strings.TrimSpace(text)); problem != "" {
			return Keys{}, &Error{File: name, Line: number, Key: key, Problem: problem, Cure: newKeyCure}
		}
		delete(parts, key)
	}
	for _, key := range []string{"gossip", "hash"} {
		if parts[key] != nil {
			return Keys{}, &Error{File: name, Key: key, Problem: "is missing", Cure: newKeyCure}
		}
	}
	if k.Next != noKey && k.Before != noKey || k.Next == k.Gossip || k.Before == k.Gossip {
		return Keys{}, &Error{File: name, Problem: "more keys than a farm ever has, or one twice", Cure: newKeyCure}
	}
	return k, nil
}

// parseKey decodes one key and returns what is wrong with it.
func parseKey(into []byte, text string) string {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	// The decoder skips line breaks inside; a key has one spelling only.
	if err != nil || base64.StdEncoding.EncodeToString(raw) != text {
		return "not base64"
	}
	if len(raw) != len(into) {
		return fmt.Sprintf("has %d bytes instead of %d", len(raw), len(into))
	}
	if bytes.Equal(raw, make([]byte, len(into))) {
		return "is all zeros"
	}
	copy(into, raw)
	return ""
}
