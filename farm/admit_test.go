package farm

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"thresher/config"
	"thresher/console"
)

// answeringLocal is a daemon that does nothing but what it is asked for.
func answeringLocal(t *testing.T) *local {
	l := &local{weights: weighted(), asks: make(chan ask), ended: make(chan struct{})}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case a := <-l.asks:
				a.do()
				close(a.done)
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
	return l
}

// Newcomers that are admitted at once are all written down.
func TestNewcomersAtOnceAreAllWrittenDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "thresher.yaml")
	text := "node: {name: web1}\ncluster:\n  bind: 192.0.2.1:7946\n  join: [192.0.2.1:7946]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := answeringLocal(t)
	l.log, l.trials = slog.New(slog.DiscardHandler), &trials{file: file}
	l.cfg = &config.Config{Node: "web1"}
	l.loaded = l.cfg
	l.self = Self{File: file, Parse: func([]byte) (*config.Config, error) { return l.cfg, nil }}
	const newcomers = 20
	var all sync.WaitGroup
	for i := range newcomers {
		all.Go(func() {
			in := console.Newcomer{Node: fmt.Sprintf("web%d", i+2), Bind: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:7946", i+100))}
			if _, err := (control{l}).Admit(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "192.0.2.1"); n != newcomers+2 {
		t.Errorf("%d addresses in the file, want %d:\n%s", n, newcomers+2, b)
	}
}
