package config

import (
	"strings"
	"testing"
)

// secretTexts have a secret in all places where a configuration may have one.
var secretTexts = []string{
	`notify: [{type: webhook, url: "https://s3cret:s3cret@hooks.example/s3cret?token=s3cret#s3cret"}]`,
	`notify: [{type: webhook, url: https://hooks.example/s3cret}]`,
	`notify: [{type: email, user: s3cret, password_file: s3cret}]`,
	`notify: [{type: exec, command: ["/usr/bin/tell --token s3cret", s3cret]}]`,
	`checks: [{name: a, type: http, target: "http://a:s3cret@127.0.0.1/?token=s3cret", headers: ["X-Token: s3cret"]}]`,
	`checks: [{name: b, type: tcp, target: "127.0.0.1:1", send: *s3cret}]`,
	`checks: [{name: b, type: tcp, target: "127.0.0.1:1", send: s3cret}]`,
	`checks: [{name: c, type: exec, command: [tell, --s3cret, s3cret], environment: [TOKEN=s3cret]}]`,
	`services: [{name: s, start: [/s, s3cret], stop: ["/s --token s3cret"], ready: ["s3cret s3cret"], environment: [s3cret]}]`,
	"notify:\n  - type: webhook\n    url: https://hooks.example/s3cret\n",
	"checks:\n  - name: c\n    type: exec\n    command:\n      - /tell\n      - s3cret\n",
	`api: {listen: ["https://a:s3cret@192.0.2.11:9453"]}`,
	`api: {listen: "https://192.0.2.11", oidc: {issuer: "https://a:s3cret@login/?s3cret", redirect: "http://login/?s3cret"}}`,
}

// slips are what a hand can slip into: bytes written too much; "" is one too few.
var slips = []string{"", " ", "'", `"`, ":", ": ", "[", "{", "]", ",", "!!int ", "*", "&a ", "\n", "\t", "\x00"}

// Whatever slip there is in a configuration, its refusal has no secret that stands in it.
func TestRefusalsHaveNoSecrets(t *testing.T) {
	opts := noEnv()
	opts.Command = func(name string) (string, string) { return name + " can't be run", "chmod +x " + name }
	for _, text := range secretTexts {
		for at := range text {
			if at > 0 && isLetter(text[at]) && isLetter(text[at-1]) {
				continue // half a secret is none
			}
			for _, slip := range slips {
				slipped := text[:at] + slip + text[at:]
				if slip == "" {
					slipped = text[:at] + text[at+1:]
				}
				if _, err := Parse("f.yaml", []byte(slipped), opts); err == nil || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%v\nof\n%s", err, slipped)
				}
			}
		}
	}
}

func isLetter(b byte) bool { return b >= '0' && b <= '9' || b|' ' >= 'a' && b|' ' <= 'z' }

// Of a text that can't be read, a report says no part.
func TestRedactSaysNothingOfWhatItCannotRead(t *testing.T) {
	if got := string(Redact([]byte("a: *s3cret\n"))); strings.Contains(got, "s3cret") {
		t.Error(got)
	}
}

// Values that YAML takes for numbers are quoted where they are no secrets alone.
func TestRefusalsHaveNoNumbersOfSecrets(t *testing.T) {
	for _, where := range []string{
		"notify: [{type: webhook, url: 4711}]", "notify: [{type: email, user: 4711}]", "notify: [{type: email, password_file: 4711}]",
		"checks: [{name: a, type: tcp, send: 4711}]", "checks: [{name: a, type: http, headers: [4711]}]", "cluster: {key_file: 4711}",
		"services: [{name: a, start: [/a, 4711], environment: [4711]}]", "api: {oidc: {client_secret_file: 4711}}",
	} {
		_, err := Parse("f.yaml", []byte(where), noEnv())
		if err == nil || strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), "is not text: put it into quotes") {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// What is in a key's place is said as far as it may be a key.
func TestKeysThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"notify: [{TOKEN=s3cret: 1}]":                             "f.yaml:1: notify[0].TOKEN…: unknown key `TOKEN…`",
		"notify: [{type: webhook, url:https://h.example/s3cret}]": "f.yaml:1: notify[0]: a word between braces that is no key",
	} {
		if _, err := Parse("f.yaml", []byte(text), noEnv()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The same holds for overrides.
func TestOverridesHaveNoSecrets(t *testing.T) {
	env := []string{"THRESHER_API_OIDC_ISSUER=https://a:s3cret@login", "THRESHER_API_LISTEN=https://a:s3cret@192.0.2.11"}
	_, err := Parse("f.yaml", []byte(goodFile), Options{Env: env})
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "environment THRESHER_API_OIDC_ISSUER: api.oidc.issuer") {
		t.Error(err)
	}
}
