package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goodFile is a small valid file. Line 2 is the interface, 4 the VIP, 6 and 7
// the rules, 8 the cluster.
const goodFile = `node: {name: web1}
interface: eth0
vips:
  - {address: 192.0.2.100}
rules:
  - {name: web, protocol: tcp, ports: [80, 443]}
  - {name: dns, protocol: udp, ports: [53]}
cluster:
  bind: 192.0.2.11
  insecure: true
`

// with returns goodFile with pairs of old and new text replaced, each of which
// must be there.
func with(t *testing.T, pairs ...string) string {
	t.Helper()
	text := goodFile
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in the file", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// noEnv keeps the environment of the test out of it.
func noEnv() Options { return Options{Env: []string{}} }

func mustParse(t *testing.T, text string, opts Options) *Config {
	t.Helper()
	c, err := Parse("thresher.yaml", []byte(text), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testKeys are keys without a zero byte.
func testKeys() Keys {
	var k Keys
	for i := range k.Gossip {
		k.Gossip[i] = byte(i + 1)
	}
	for i := range k.Hash.Secret {
		k.Hash.Secret[i] = byte(0xf0 - i)
	}
	return k
}

// writeFile makes a file with the mode, whatever the umask.
func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func keyFileIn(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "key")
	if err := WriteKeys(path, testKeys()); err != nil {
		t.Fatal(err)
	}
	return path
}
