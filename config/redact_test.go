package config

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const text = `# a secret comment
node: {name: web1}
notify:
  - {type: webhook, url: "https://hooks.example.com/secret1"}
checks:
  - {name: a, target: "http://me:secret2@127.0.0.1/", headers: ["Authorization: secret3"]}
services:
  - name: b
    environment: [PASSWORD=secret4] # secret5
`
	got := string(Redact([]byte(text)))
	if strings.Contains(got, "secret") || !strings.Contains(got, "web1") || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("%s", got)
	}
	if got := string(Redact([]byte("- secret"))); strings.Contains(got, "secret") {
		t.Errorf("%s", got)
	}
}
