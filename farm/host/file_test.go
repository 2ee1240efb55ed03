package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADamagedFileIsRefusedWithItsCure(t *testing.T) {
	whole, err := encode(state{Version: formatVersion, Boot: "b", Entries: []Entry{{Kind: KindAddress, Link: "lo", Prefix: vip4}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty":           "",
		"truncated":       string(whole[:len(whole)/2]),
		"no json":         "\x00\x00\x00",
		"two of them":     string(whole) + string(whole),
		"another version": `{"version":2,"boot":"b","entries":[]}`,
		"unknown key":     `{"version":1,"boot":"b","entries":[{"kind":"link","link":"a","colour":"red"}]}`,
		"unknown kind":    `{"version":1,"boot":"b","entries":[{"kind":"disk"}]}`,
		"no prefix":       `{"version":1,"boot":"b","entries":[{"kind":"address","link":"lo"}]}`,
		"climbs out":      `{"version":1,"boot":"b","entries":[{"kind":"sysctl","name":"net/../../etc/passwd","old":"x"}]}`,
		"too long":        strings.Repeat(" ", maxJournal) + string(whole),
	} {
		path := filepath.Join(t.TempDir(), "restore.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "then remove the file") {
			t.Errorf("%s: error = %v, want ErrDamaged with path and cure", name, err)
		}
	}
}

func TestChangesOfAnEarlierBootAreForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restore.json")
	err := writeState(path, state{Version: formatVersion, Boot: "earlier", Entries: []Entry{{Kind: KindLink, Link: "thr0"}}})
	if err != nil {
		t.Fatal(err)
	}
	j := reopen(t, path)
	if got := j.Entries(); len(got) != 0 {
		t.Errorf("entries = %v", got)
	}
	if err := j.Undo(); err != nil || onDisk(t, path) != nil {
		t.Errorf("undo = %v, left %v", err, onDisk(t, path))
	}
}

func TestTheFileIsTheOwnersAlone(t *testing.T) {
	j, path := journalIn(t)
	if err := j.record(Entry{Kind: KindLink, Link: "thr0"}); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", p, info.Mode().Perm(), err, want)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("directory holds %v, %v; want restore.json alone", left, err)
	}
}
