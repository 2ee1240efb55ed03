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
  - type: exec
    command: [/usr/bin/tell, --token, secret6]
checks:
  - {name: a, target: "http://me:secret2@127.0.0.1/", headers: ["Authorization: secret3"]}
  - {name: b, target: "http://127.0.0.1:81/health?token=secret7", type: http}
  - {name: d, target: "http://me:a/secret14?b@127.0.0.1/"}
  - {name: c, target: "https://127.0.0.1:82/#secret8", command: secret9 run}
services:
  - name: b
    environment: [PASSWORD=secret4] # secret5
    start: [/usr/bin/serve, "-psecret10"]
    stop:
      - /usr/bin/halt
      - secret11
    ready: [/usr/bin/look]
  - {name: c, start: ["/usr/bin/one word --token secret12"], stop: [{a: secret13}]}
`
	got := string(Redact([]byte(text)))
	for _, want := range []string{
		"web1", "127.0.0.1/", "/usr/bin/tell", "/usr/bin/serve", "/usr/bin/halt", "/usr/bin/one", "[/usr/bin/look]", `"http://127.0.0.1:81/health?(left out)", type: http`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	if _, err := ReadDocument([]byte(got)); strings.Contains(got, "secret") || err != nil {
		t.Errorf("%v in\n%s", err, got)
	}
	if got := string(Redact([]byte("- secret"))); strings.Contains(got, "secret") {
		t.Errorf("%s", got)
	}
}
