package farm

import (
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"thresher/farm/host"
	"thresher/internal/netnstest"
)

// What a crashed daemon has left is taken back whatever its node was named, but nothing
// is taken from one that runs.
func TestClean(t *testing.T) {
	netnstest.New(t).Do(t, func() error {
		run, log := t.TempDir(), slog.New(slog.DiscardHandler)
		m, err := takeOver(run, "web1", nil)
		if err != nil {
			return err
		}
		vip := netip.MustParsePrefix("192.0.2.100/32")
		if err := m.journal.AddAddress("lo", vip); err != nil {
			return err
		}
		check := func(when, node string, want []string, left []netip.Addr, says string) {
			t.Helper()
			got, err := Clean(Cleaning{RunDir: run, Node: node, Socket: filepath.Join(run, "api.sock")}, log)
			if says == "" && err != nil || says != "" && (!errors.Is(err, host.ErrLocked) || !strings.Contains(err.Error(), says)) {
				t.Errorf("%s, as node %q: %v, want %q", when, node, err, says)
			}
			if now := vipsOnLoopback(t); !slices.Equal(got, want) || !slices.Equal(now, left) {
				t.Errorf("%s, as node %q: cleaned %q, want %q; lo has %v, want %v", when, node, got, want, now, left)
			}
		}
		there := []netip.Addr{vip.Addr()}
		check("it runs", "web1", nil, there, "stop its daemon first")
		check("it runs", "", nil, there, "stop its daemon first")
		check("it runs", "web2", nil, there, "")
		if err := m.abandon(); err != nil {
			return err
		}
		check("it has crashed", "web2", []string{"web1"}, nil, "")
		check("it is clean", "", nil, nil, "")
		return nil
	})
}
