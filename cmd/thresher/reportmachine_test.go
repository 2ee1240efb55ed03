package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/console/bundle"
)

func TestReportsOfOneSecondHaveNamesOfTheirOwn(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 20, 30, 5e6, time.UTC)
	if got := reportName(at); got != "thresher-report-20261122-102030.005.tar.gz" || got == reportName(at.Add(time.Millisecond)) {
		t.Error(got)
	}
}

// The machine's network and the daemon's log are in a report, and what can't be had is
// said in it.
func TestReportHasTheMachine(t *testing.T) {
	bin := t.TempDir()
	journal := "#!/bin/sh\necho \"$*\"\necho '2026-11-21T17:04:25 thresher[7]: level=INFO msg=\"node web1 is up\"'\n"
	if err := os.WriteFile(filepath.Join(bin, "journalctl"), []byte(journal), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	var r support
	r.ofMachine(t.Context())
	for name, want := range map[string]string{
		"addresses.txt": "1: lo ", "sysctls.txt": "net/ipv4/conf/all/arp_ignore = ", "log.txt": "node web1 is up",
	} {
		i := slices.IndexFunc(r.files, func(f bundle.File) bool { return f.Name == name })
		if i < 0 || !strings.Contains(string(r.files[i].Text), want) {
			t.Errorf("%s has no %q: %+v, problems %q", name, want, r.files, r.problems)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "journalctl"), []byte("#!/bin/sh\necho no journal >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r = support{}
	if r.ofMachine(t.Context()); !slices.ContainsFunc(r.problems, func(p string) bool { return strings.Contains(p, "no journal; add the daemon's standard error") }) {
		t.Errorf("problems: %q", r.problems)
	}
}
