package farm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
	"thresher/farm/host"
	"thresher/health"
	"thresher/internal/netnstest"
	"thresher/xsk"
)

func TestForwardFindings(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lookup error
		loose  string
		err    error
		levels []health.Level
		say    []string // what each finding says
	}{
		{"all there", nil, "0", nil, []health.Level{health.LevelOK, health.LevelOK}, []string{"conntrack's entries", "tcp_loose is 0"}},
		{"loose", nil, "1", nil, []health.Level{health.LevelOK, health.LevelOK}, []string{"", "sets it to 0 while it runs"}},
		{"no look-up", fmt.Errorf("load: %w", xsk.ErrNoConntrack), "1", nil,
			[]health.Level{health.LevelError, health.LevelOK}, []string{"modprobe nf_conntrack", ""}},
		{"types unreadable", fs.ErrPermission, "1", nil, []health.Level{health.LevelError, health.LevelOK}, []string{"as root", ""}},
		{"no conntrack", xsk.ErrNoConntrack, "", fs.ErrNotExist,
			[]health.Level{health.LevelError, health.LevelError}, []string{"bpf_xdp_ct_lookup", "modprobe nf_conntrack"}},
		{"sysctl unreadable", nil, "", fs.ErrPermission, []health.Level{health.LevelOK, health.LevelError}, []string{"", "as root"}},
	} {
		list := forwardFindings(tt.lookup, tt.loose, tt.err)
		if len(list) != len(tt.levels) {
			t.Errorf("%s: findings %v", tt.name, list)
			continue
		}
		for i, f := range list {
			if f.Level != tt.levels[i] || !strings.Contains(f.String(), tt.say[i]) || (f.Cure == "") != (f.Level == health.LevelOK) {
				t.Errorf("%s: %v, want level %v and %q", tt.name, f, tt.levels[i], tt.say[i])
			}
		}
	}
}

func TestForwardFindingsOnlyWhereARuleForwards(t *testing.T) {
	cfg := &config.Config{VIPs: []config.VIP{gatewayVIP}, Rules: []config.Rule{{Name: "web"}}}
	if list := ForwardFindings(cfg); list != nil {
		t.Errorf("without rules that forward: %v", list)
	}
	cfg.Rules = append(cfg.Rules, config.Rule{Name: "gate", Forward: true})
	if list := ForwardFindings(cfg); len(list) != 2 {
		t.Errorf("with one: %v", list)
	}
}

// TestTrackStrictly: conntrack is strict while the journal holds it, and then as
// it was before.
func TestTrackStrictly(t *testing.T) {
	ns := netnstest.New(t)
	forward := &config.Config{VIPs: []config.VIP{gatewayVIP}, Rules: []config.Rule{{Forward: true}}}
	ns.Do(t, func() error {
		loose := func() string {
			b, err := os.ReadFile("/proc/sys/" + looseSysctl)
			return strings.TrimSpace(string(b)) + fmt.Sprint(err)
		}
		before := loose()
		j, err := host.Open(filepath.Join(t.TempDir(), "restore.json"))
		if err != nil {
			return err
		}
		if err := errors.Join(trackStrictly(j, &config.Config{}), j.Undo()); err != nil {
			return err
		}
		if got := loose(); got != before {
			t.Errorf("without rules that forward: %s, was %s", got, before)
		}
		if err := trackStrictly(j, forward); err != nil {
			return err
		}
		if got := loose(); got != "0<nil>" {
			t.Errorf("with such rules: %s", got)
		}
		if err := j.Undo(); err != nil {
			return err
		}
		if got := loose(); got != before {
			t.Errorf("taken back: %s, was %s", got, before)
		}
		return nil
	})
}
