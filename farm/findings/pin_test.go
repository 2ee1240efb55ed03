package findings

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/health"
	"thresher/internal/leftout"
)

// Where the kernel program cannot outlive the daemon, check says so beforehand, to
// who has asked for it.
func TestPin(t *testing.T) {
	if os.Geteuid() != 0 {
		leftout.Skip(t, "mount namespaces need root")
	}
	runtime.LockOSThread() // the thread goes with the test
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	for unix.Unmount("/sys/fs/bpf", unix.MNT_DETACH) == nil { // whatever this machine has there
	}
	cfg := &config.Config{Datapath: config.Datapath{Pin: true}}
	found := pin(cfg)
	if len(found) != 1 || found[0].Level != health.LevelWarn || !strings.Contains(found[0].Cure, "mount") {
		t.Errorf("with pin: %v", found)
	}
	cfg.Datapath.Pin = false
	if found := pin(cfg); len(found) != 0 {
		t.Errorf("without pin: %v", found)
	}
}
