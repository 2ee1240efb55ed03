package config

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goodKeys = `# Thresher key file: the farm's secrets, the same on every node. Keep it secret.
gossip: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=
hash: 8O/u7ezr6uno5+bl5OPi4Q==
`

func TestNewKeys(t *testing.T) {
	one, err := NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if one.Gossip == two.Gossip || one.Hash.Secret == two.Hash.Secret {
		t.Error("the same key was drawn twice")
	}
	if one.Hash.Function != Multilinear {
		t.Errorf("a new farm's buckets are by %s", one.Hash.Function)
	}
	if _, err := NewKeys(bytes.NewReader(make([]byte, 47))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("47 random bytes: %v, want unexpected EOF", err)
	}
}

func TestWriteKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := WriteKeys(path, testKeys()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goodKeys, string(text)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if k, err := ReadKeys(path); err != nil || k != testKeys() {
		t.Errorf("read back: %v, equal: %v", err, k == testKeys())
	}

	err = WriteKeys(path, Keys{Hash: HashKey{Secret: [16]byte{1}}})
	if !errors.Is(err, fs.ErrExist) || err.Error() != path+": exists, and keys are never overwritten: remove it first or use another name" {
		t.Errorf("second write: %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(after, text) {
		t.Error("the second write changed the file")
	}
	err = WriteKeys(filepath.Join(path, "key"), testKeys())
	if !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("write below a file: %v", err)
	}
}

func TestReadKeysModes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o601: false, 0o620: false} {
		writeFile(t, path, goodKeys, mode)
		_, err := ReadKeys(path)
		if (err == nil) != ok {
			t.Errorf("mode %o: %v", mode, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKeys(fifo); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("FIFO: %v", err)
	}
}

func TestParseKeys(t *testing.T) {
	const gossip, hash = "gossip: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n", "hash: 8O/u7ezr6uno5+bl5OPi4Q==\n"
	const next = "next: AgEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
	tests := []struct{ name, text, want string }{
		{"as written", goodKeys, ""},
		{"without comment", hash + gossip, ""},
		{"comments, empty lines, CR", "\n# a\n" + gossip + "\n" + strings.Replace(hash, "\n", "\r\n", 1) + "# b", ""},
		{"empty", "", "k: gossip: is missing"},
		{"one only", gossip, "k: hash: is missing"},
		{"twice", gossip + hash + hash, "k:3: no key of a name that is known, or a second one"},
		{"another line", gossip + hash + "port: 1\n", "k:3: no key of a name that is known, or a second one"},
		{"capital", "Gossip: x\n" + hash, "k:1: no key of a name that is known, or a second one"},
		{"no value", "gossip:\n" + hash, "k:1: gossip: has 0 bytes instead of 32"},
		{"no base64", "\ngossip: !!!\n" + hash, "k:2: gossip: not base64"},
		{"short", gossip + "hash: 8O/u7ezr6uno5+bl5OPi\n", "k:2: hash: has 15 bytes instead of 16"},
		{"swapped", "gossip: 8O/u7ezr6uno5+bl5OPi4Q==\n", "k:1: gossip: has 16 bytes instead of 32"},
		{"SipHash by name", gossip + "hash: siphash 8O/u7ezr6uno5+bl5OPi4Q==\n", ""},
		{"multilinear without a key", gossip + "hash: multilinear\n", "k:2: hash: not base64"},
		{"multilinear, short", gossip + "hash: multilinear 8O/u7ezr6uno5+bl5OPi\n", "k:2: hash: has 15 bytes instead of 16"},
		{"another function", gossip + "hash: jhash 8O/u7ezr6uno5+bl5OPi4Q==\n", "k:2: hash: neither a hash function that is known nor base64"},
		{"bits beyond the end", gossip + "hash: 8O/u7ezr6uno5+bl5OPi4R==\n", "k:2: hash: not base64"},
		{"CR inside", gossip + "hash: 8O/u7ezr6uno5\r+bl5OPi4Q==\n", "k:2: hash: not base64"},
		{"zeros", gossip + "hash: AAAAAAAAAAAAAAAAAAAAAA==\n", "k:2: hash: is all zeros"},
		{"next and before", goodKeys + next + "before: AwEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n", "k: more keys than a farm ever has, or one twice"},
		{"next twice", goodKeys + next + next, "k:5: no key of a name that is known, or a second one"},
		{"next is the one in use", goodKeys + "next: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n", "k: more keys than a farm ever has, or one twice"},
		{"next is zeros", goodKeys + "next: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "k:4: next: is all zeros"},
		{"too long", goodKeys + strings.Repeat("#\n", 2048), "k: larger than 4096 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := parseKeys("k", []byte(tt.text))
			switch {
			case tt.want == "" && (err != nil || k != testKeys()):
				t.Errorf("error %v, keys equal: %v", err, k == testKeys())
			case tt.want != "" && (err == nil || err.Error() != tt.want+": "+newKeyCure || k != Keys{}):
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// TestHashFunctionIsKept: a key file without a function is SipHash's, and one with
// another keeps it.
func TestHashFunctionIsKept(t *testing.T) {
	sip := testKeys()
	linear := sip
	linear.Hash.Function = Multilinear
	for _, want := range []Keys{sip, linear} {
		text := string(FormatKeys(want))
		got, err := parseKeys("k", []byte(text))
		if named := strings.Contains(text, "hash: multilinear "); err != nil || got != want || named != (want == linear) {
			t.Errorf("%s: error %v, equal: %v, written: %v", want.Hash.Function, err, got == want, named)
		}
	}
}

// No way of printing shows a secret, be it in a configuration.
func TestKeysRedacted(t *testing.T) {
	keys := testKeys()
	c := &Config{Cluster: Cluster{Keys: keys}}
	var out strings.Builder
	for _, v := range []any{keys, &keys, c, *c} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q", "%b", "%o"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("m", "v", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	fmt.Fprintln(&out, keys.String(), keys.GoString())
	for _, secret := range []string{"1 2 3 4", "0x1, 0x2", "1,2,3,4", "01020304", "F0EFEE", "f0efee", "240 239 238", "240,239,238", "AQIDBA", "8O/u7"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in what was printed:\n%s", secret, out.String())
		}
	}
	if got := fmt.Sprint(Keys{}, keys); got != "Keys(none) Keys(redacted)" {
		t.Errorf("printed as %s", got)
	}
}

func FuzzReadKeys(f *testing.F) {
	f.Add([]byte(goodKeys))
	f.Add([]byte("gossip: AA==\nhash:\n"))
	f.Add([]byte(strings.Replace(goodKeys, "hash: ", "hash: multilinear ", 1)))
	f.Add([]byte("# only\r\n\n"))
	f.Add([]byte(goodKeys + "before: AgEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"))
	f.Add([]byte("hash: 8O/u7ezr6uno5+bl5OPi4Q==\nhash: 8O/u7ezr6uno5+bl5OPi4Q=="))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKeys("k", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Problem == "" || k != (Keys{}) {
				t.Fatalf("error %#v, keys none: %v", err, k == Keys{})
			}
			return
		}
		again, err := parseKeys("k", FormatKeys(k))
		if err != nil || again != k {
			t.Fatalf("written and read again: %v, equal: %v", err, again == k)
		}
	})
}
