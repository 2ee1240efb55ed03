package farm

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/xsk"
)

// leaves is a front that has nothing to leave.
type leaves struct{ front }

func (leaves) leave() {}

// A hand-over that fails has named descriptors that are closed by then: who has their
// numbers keeps what is behind them when the node ends.
func TestQuitClosesNobodysDescriptors(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := newLocal(&config.Config{}, quietEvents().log, Self{})
	l.front, l.left = leaves{}, &handed{Descriptors: descriptors{Prepared: &xsk.Prepared{Maps: map[string]int{"table": int(file.Fd())}}}}
	l.quit(errors.New("the disk is full"), newApplication(l.cfg, l.events, 0))
	if err := l.handed.close(); err != nil {
		t.Error(err)
	}
	if _, err := unix.FcntlInt(file.Fd(), unix.F_GETFD, 0); err != nil {
		t.Errorf("another's descriptor was closed: %v", err)
	}
}
