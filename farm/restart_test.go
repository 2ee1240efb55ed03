package farm

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/xsk"
)

// A daemon that ends while a restart of it is prepared keeps nothing of that open.
func TestRestartOfANodeThatHasEnded(t *testing.T) {
	l := &local{asks: make(chan ask), ended: make(chan struct{})}
	close(l.ended)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	prepared := &xsk.Prepared{Maps: map[string]int{"table": fd}}
	if err := (control{l}).restart(t.Context(), prepared); !errors.Is(err, errEnded) {
		t.Errorf("%v", err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags == 0 {
		t.Error("what was prepared is open")
	}
}
