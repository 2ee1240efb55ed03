package config

import (
	"regexp"
	"slices"
	"strings"
)

// secretFiles are the keys of files that have a secret: people write the secret itself
// there, too.
var secretFiles = []string{"key_file", "password_file", "client_secret_file"}

// addressKeys are the keys of URLs, in which people write passwords.
var addressKeys = []string{"target", "issuer", "redirect", "listen"}

// mayBeSecret tells whether the value at a path, or one that it is in, may be a secret.
// Refusals are logged, shown by the API and kept in tickets: they quote no such value,
// and no URL at all, since whoever wrote it wrongly may have a password anywhere in it.
// Its place is enough to find it.
func mayBeSecret(path string) bool {
	secret := slices.Concat(secretKeys, secretFiles, commandKeys, addressKeys)
	for at := path; at != ""; at = parent(at) {
		if slices.Contains(secret, strings.Trim(at[len(parent(at)):], ".[]")) {
			return true
		}
	}
	return false
}

var beyondName = regexp.MustCompile(`[^A-Za-z0-9._<-].*`)

// keyName is a key as far as it could be a key's name: where somebody wrote another sign
// than a colon, or no blank behind it, the value is a part of the key.
func keyName(key string) string {
	return beyondName.ReplaceAllString(strings.ReplaceAll(key, "\n", " "), "…")
}

// programCure is for a command line that is written as one word.
const programCure = `write the program and each of its arguments by itself, as in ["/usr/sbin/nginx", "-t"]`

// knownProgram asks this machine for a program. What comes after a blank in its name is
// most likely its arguments, and not for everybody.
func knownProgram(ask func(string) (string, string)) func(string) (string, string) {
	if ask == nil {
		return nil
	}
	return func(name string) (problem, cure string) {
		if problem, cure = ask(name); problem != "" && strings.ContainsAny(name, " \t\n") {
			return "is no program's path", programCure
		}
		return problem, cure
	}
}
