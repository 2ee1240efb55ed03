package main

import (
	"path/filepath"
	"testing"

	"thresher/config"
)

// A new farm has the fast hash, unless the other one is asked for by its name.
func TestKeyChoosesTheHash(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		want config.HashFunction
	}{
		{nil, config.Multilinear},
		{[]string{"--hash", "multilinear"}, config.Multilinear},
		{[]string{"--hash", "siphash"}, config.SipHash},
	} {
		file := filepath.Join(t.TempDir(), "key")
		if got := run(t, dir, append([]string{"key", file}, tt.args...)...); got.code != 0 {
			t.Fatalf("%v: exit %d: %s", tt.args, got.code, got.stderr)
		}
		if keys, err := config.ReadKeys(file); err != nil || keys.Hash.Function != tt.want {
			t.Errorf("%v: %s, %v", tt.args, keys.Hash.Function, err)
		}
	}
	got := run(t, dir, "key", filepath.Join(dir, "key"), "--hash", "jhash")
	if got.code != exitUsage {
		t.Errorf("jhash: exit %d", got.code)
	}
	compareLines(t, "key --hash jhash", got.stderr, []string{"--hash jhash: use multilinear or siphash"})
}
