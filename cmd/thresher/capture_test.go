package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket/pcapgo"

	"thresher/console"
)

func TestCaptureWritesAFile(t *testing.T) {
	api := startDaemon(t, console.NewLog(0))
	file := filepath.Join(t.TempDir(), "web.pcapng")
	if err := os.WriteFile(file, []byte("from before"), 0o644); err != nil { // for others to read
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		said string
		want int
	}{
		{[]string{"--for", "2s"}, "2 packets written; the rate of 1000 was reached in 1 of 4 turns of 50 ms, others may have come then; 3 more were copied but lost for want of room\n", 2},
		{[]string{"--count", "1"}, "1 packets written\n", 1},
	} {
		_, said, code := thresher(t.Context(), append([]string{"--api", api, "capture", "-w", file}, tt.args...)...)
		if code != exitDone || said != tt.said {
			t.Errorf("%v: exit %d, %q", tt.args, code, said)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := pcapgo.NewNgReader(f, pcapgo.NgReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		packets := 0
		for _, _, err := r.ReadPacketData(); err == nil; _, _, err = r.ReadPacketData() {
			packets++
		}
		if info, err := f.Stat(); packets != tt.want || err != nil || info.Mode() != 0o600 {
			t.Errorf("%v: %d packets, mode %v", tt.args, packets, info.Mode())
		}
	}
	out, _, code := thresher(t.Context(), "--api", api, "capture", "-w", "-", "--count", "2")
	if code != exitDone || !strings.HasPrefix(out, "\x0a\x0d\x0d\x0a") || strings.Count(out, "verdict=drop reason=not_mine") != 2 {
		t.Errorf("to standard output: exit %d, %q", code, out)
	}
}

// TestCaptureRefuses what can't be captured, and leaves no file behind.
func TestCaptureRefuses(t *testing.T) {
	api := startDaemon(t, console.NewLog(0))
	file := filepath.Join(t.TempDir(), "web.pcapng")
	for args, want := range map[string]string{
		"":                               "add -w FILE",
		"-w " + file + " --count -1":     "--count and --for",
		"-w " + file + " --client web1":  "write 192.0.2.7, 192.0.2.0/24",
		"-w " + file + " --rule nosuch":  "name one of: web",
		"-w " + file + " --rate 1":       "from 100 to 10000",
		"-w " + file + " --snap 1000000": "from 64 to 2048",
	} {
		_, said, code := thresher(t.Context(), append([]string{"--api", api, "capture"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(said, want) {
			t.Errorf("%s: exit %d, %q", args, code, said)
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
}
