package findings

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"thresher/config"
	"thresher/health"
	"thresher/xsk"
)

func TestForward(t *testing.T) {
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
		list := forward(tt.lookup, tt.loose, tt.err)
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

func TestForwardOnlyWhereARuleForwards(t *testing.T) {
	cfg := &config.Config{VIPs: []config.VIP{{Address: netip.MustParseAddr("192.0.2.100")}}, Rules: []config.Rule{{Name: "web"}}}
	if list := Forward(cfg); list != nil {
		t.Errorf("without rules that forward: %v", list)
	}
	cfg.Rules = append(cfg.Rules, config.Rule{Name: "gate", Forward: true})
	if list := Forward(cfg); len(list) != 2 {
		t.Errorf("with one: %v", list)
	}
}
