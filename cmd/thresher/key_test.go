package main

import (
	"path/filepath"
	"testing"

	"thresher/config"
)

// A new farm has the fast hash, unless the other one is asked for by its name.
func TestNewFarmChoosesTheHash(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		want config.HashFunction
	}{
		{nil, config.Multilinear},
		{[]string{"--hash", "multilinear"}, config.Multilinear},
		{[]string{"--hash", "siphash"}, config.SipHash},
	} {
		at := t.TempDir()
		for file, args := range map[string][]string{
			filepath.Join(at, "alone"): {"key", filepath.Join(at, "alone")},
			filepath.Join(at, "key"): {"init", "--config", filepath.Join(at, "thresher.yaml"), "--node", "web1", "--interface", "lo", "--bind", "192.0.2.11",
				"--vip", "192.0.2.100", "--tcp", "80"},
		} {
			if got := run(t, dir, append(args, tt.args...)...); got.code != 0 {
				t.Fatalf("%s %v: exit %d: %s", args[0], tt.args, got.code, got.stderr)
			}
			if keys, err := config.ReadKeys(file); err != nil || keys.Hash.Function != tt.want {
				t.Errorf("%s %v: %s, %v", args[0], tt.args, keys.Hash.Function, err)
			}
		}
	}
	got := run(t, dir, "key", filepath.Join(dir, "key"), "--hash", "jhash")
	if got.code != exitUsage {
		t.Errorf("jhash: exit %d", got.code)
	}
	compareLines(t, "key --hash jhash", got.stderr, []string{"--hash jhash: use multilinear or siphash"})
	if got := run(t, dir, "init", "--hash", "jhash"); got.code != exitUsage {
		t.Errorf("init --hash jhash: exit %d", got.code)
	} else {
		compareLines(t, "init --hash jhash", got.stderr, []string{"--hash jhash: use multilinear or siphash"})
	}
}
