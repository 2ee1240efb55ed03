package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestMasks(t *testing.T) {
	m := NewMasks([]string{"web1", "web10", ""})
	for _, tt := range []struct{ text, want string }{
		{"web1 web10 web100", "machine-1 machine-2 web100"},
		{"from 192.0.2.11:7946, 192.0.2.11.", "from 198.18.0.1:7946, 198.18.0.1."},
		{"[2001:db8:5::1]:7946 and 192.0.2.0/24", "[2001:db8::2]:7946 and 198.18.0.3/24"},
		{"at 5a:fe:c0:00:02:64: seen", "at 02:00:00:00:00:01: seen"},
		{"2026-11-21T17:04:25.813Z 17:04 127.0.0.1 ::1 v1.2.3", "2026-11-21T17:04:25.813Z 17:04 127.0.0.1 ::1 v1.2.3"},
	} {
		if got := m.Apply(tt.text); got != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := (*Masks)(nil).Apply("web1"); got != "web1" {
		t.Errorf("no masks: %q", got)
	}
}

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	files := []File{{"config-web1.yaml", []byte("bind: 192.0.2.11\n")}, {"empty", nil}}
	if err := Write(&b, time.Unix(1000, 0), files, NewMasks([]string{"web1"})); err != nil {
		t.Fatal(err)
	}
	g, err := gzip.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for r := tar.NewReader(g); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		all.WriteString(h.Name + ": " + string(text) + "\n")
	}
	want := "thresher-report/config-machine-1.yaml: bind: 198.18.0.1\n\nthresher-report/empty: \n"
	if all.String() != want {
		t.Errorf("got %q, want %q", all.String(), want)
	}
}

func FuzzMasks(f *testing.F) {
	f.Add("web1 192.0.2.1:80 5a:fe:c0:00:02:64 ::")
	f.Fuzz(func(_ *testing.T, text string) { NewMasks([]string{"web1"}).Apply(text) })
}
