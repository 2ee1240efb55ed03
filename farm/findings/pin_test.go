package findings

import (
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/health"
	"thresher/internal/leftout"
	"thresher/xsk"
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
	found := Pin(cfg)
	if len(found) != 1 || found[0].Level != health.LevelWarn || !strings.Contains(found[0].Cure, "mount") {
		t.Errorf("with pin: %v", found)
	}
	cfg.Datapath.Pin = false
	if found := Pin(cfg); len(found) != 0 {
		t.Errorf("without pin: %v", found)
	}
}

// The frames of a VIP in mode directed are to the machine's own address: without the
// kernel program its kernel answers them all.
func TestPinOfDirected(t *testing.T) {
	tests := []struct {
		name   string
		mode   config.VIPMode
		pin    bool
		cannot error
		want   int
		cure   string
	}{
		{"pinned", config.Directed, true, nil, 0, ""},
		{"not asked for", config.Directed, false, nil, 1, "datapath.pin"},
		{"cannot", config.Directed, true, xsk.ErrNoBPFFS, 2, xsk.ErrNoBPFFS.Error()},
		{"flood", config.Flood, false, nil, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := &config.Config{
				VIPs:     []config.VIP{{Address: netip.MustParseAddr("192.0.2.100"), Mode: tt.mode}},
				Datapath: config.Datapath{Pin: tt.pin},
			}
			found := pin(cfg, tt.cannot)
			if len(found) != tt.want {
				t.Fatalf("%+v, want %d findings", found, tt.want)
			}
			for _, f := range found {
				if f.Level != health.LevelWarn || !strings.Contains(f.Cure, tt.cure) {
					t.Errorf("%+v, want a warning with the cure %q", f, tt.cure)
				}
			}
		})
	}
}
