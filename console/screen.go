package console

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Control sequences that every terminal since the VT100 knows.
// Source: ECMA-48, 8.3.21 CUP, 8.3.39 ED, 8.3.41 EL.
const (
	cursorHome = "\x1b[H"
	clearAll   = "\x1b[2J"
	clearBelow = "\x1b[J"
	clearRight = "\x1b[K"
)

// Screen shows one text after the other: in place on a terminal, one below the
// other elsewhere. It is for one goroutine.
type Screen struct {
	out   io.Writer
	tty   *os.File
	shown bool
}

// NewScreen returns a screen on out.
func NewScreen(out io.Writer) *Screen {
	s := &Screen{out: out}
	if f, ok := out.(*os.File); ok && terminalRows(f) > 0 {
		s.tty = f
	}
	return s
}

// Rows is how many lines the screen can show; 0 if nothing limits them. It
// changes when the terminal's window does.
func (s *Screen) Rows() int {
	if s.tty == nil {
		return 0
	}
	// The line behind the last stays free, for the cursor.
	return max(terminalRows(s.tty)-1, 1)
}

// Show shows a text in place of the last. On a terminal it overwrites before it
// clears, so that nothing flickers.
func (s *Screen) Show(text string) error {
	out := text
	if s.tty != nil {
		out = cursorHome + strings.ReplaceAll(text, "\n", clearRight+"\n") + clearBelow
		if !s.shown {
			out = clearAll + out
		}
	} else if s.shown {
		out = "\n" + text
	}
	s.shown = true
	_, err := io.WriteString(s.out, out)
	return err
}

// terminalRows is the height of the terminal behind f; 0 if f is none. One that
// does not tell its size is taken for the classic 24 lines.
func terminalRows(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Row == 0 {
		return 24
	}
	return int(size.Row)
}
