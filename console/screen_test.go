package console

import (
	"bytes"
	"os"
	"testing"
)

func TestScreenElsewherePrintsBlocks(t *testing.T) {
	var b bytes.Buffer
	s := NewScreen(&b)
	if s.Rows() != 0 {
		t.Errorf("%d rows, want no limit", s.Rows())
	}
	showAll(t, s, "one\n", "two\n")
	if got, want := b.String(), "one\n\ntwo\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestScreenOnATerminalOverwrites(t *testing.T) {
	var b bytes.Buffer
	s := &Screen{out: &b, tty: os.Stdout}
	showAll(t, s, "one\nline\n", "two\n")
	if got, want := b.String(), "\x1b[2J\x1b[Hone\x1b[K\nline\x1b[K\n\x1b[J"+"\x1b[Htwo\x1b[K\n\x1b[J"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFileIsNoTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if s := NewScreen(null); s.tty != nil {
		t.Error("took /dev/null for a terminal")
	}
}

func showAll(t *testing.T, s *Screen, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := s.Show(text); err != nil {
			t.Fatal(err)
		}
	}
}
