package farm

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/console/access"
	"thresher/farm/trial"
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

// admitting is a node of which newcomers ask to be let in, by the text of its
// configuration.
func admitting(t *testing.T) (l *local, text func() string) {
	file := filepath.Join(t.TempDir(), "thresher.yaml")
	before := "node: {name: web1}\ncluster:\n  bind: 192.0.2.1:7946\n  join: [192.0.2.1:7946]\n"
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	l = answeringLocal(t)
	var err error
	if l.trials, err = trial.Open(file); err != nil {
		t.Fatal(err)
	}
	l.log = slog.New(slog.DiscardHandler)
	l.cfg = &config.Config{Node: "web1"}
	l.loaded = l.cfg
	l.self = Self{File: file, Parse: func([]byte) (*config.Config, error) { return l.cfg, nil }}
	return l, func() string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// newcomer is the i-th.
func newcomer(i int) console.Newcomer {
	return console.Newcomer{Node: fmt.Sprintf("web%d", i+2), Bind: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:7946", i+100))}
}

// Newcomers that are admitted at once are all written down.
func TestNewcomersAtOnceAreAllWrittenDown(t *testing.T) {
	l, text := admitting(t)
	const newcomers = 20
	var all sync.WaitGroup
	for i := range newcomers {
		all.Go(func() {
			if _, err := (control{l}).Admit(t.Context(), newcomer(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := strings.Count(text(), "192.0.2.1"); n != newcomers+2 {
		t.Errorf("%d addresses in the file, want %d:\n%s", n, newcomers+2, text())
	}
}

// A newcomer is given all nodes that its host knows, not only those that the host's file
// names; what is written into that file is the newcomer.
func TestNewcomersKnowAllNodes(t *testing.T) {
	l, text := admitting(t)
	l.roster = newRoster("web1", 0)
	l.roster.update(time.Now(), []cluster.Member{memberAt("web9", "192.0.2.9:7946", cluster.Up, true)}, nil, quietEvents())
	a, err := (control{l}).Admit(t.Context(), newcomer(0))
	if err != nil || !strings.Contains(string(a.Config), "192.0.2.9:7946") || strings.Contains(text(), "192.0.2.9:7946") {
		t.Errorf("%v: given\n%s\nhere it is\n%s", err, a.Config, text())
	}
}

// A newcomer is given who may log in; where nobody has made that file yet, for people log
// in by an issuer, one in which nobody is, since its configuration must name one.
func TestNewcomersAreGivenWhoMayLogIn(t *testing.T) {
	l, _ := admitting(t)
	l.cfg.API.Users = filepath.Join(t.TempDir(), "users")
	a, err := (control{l}).Admit(t.Context(), newcomer(0))
	if err != nil || a.Users == nil {
		t.Fatalf("no file: %q, %v", a.Users, err)
	}
	if f, err := access.Parse("users", a.Users); err != nil || len(f.Users)+len(f.Tokens) > 0 {
		t.Errorf("%+v, %v in %q", f, err, a.Users)
	}
	if err := os.WriteFile(l.cfg.API.Users, []byte("users: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err = (control{l}).Admit(t.Context(), newcomer(1)); err != nil || string(a.Users) != "users: []\n" {
		t.Errorf("a file: %q, %v", a.Users, err)
	}
	l.cfg.API.Users = ""
	if a, err = (control{l}).Admit(t.Context(), newcomer(2)); err != nil || a.Users != nil {
		t.Errorf("nobody may: %q, %v", a.Users, err)
	}
}

// Whom another node has let in is written down as if this one had, and not missed in
// the list from then on.
func TestANewcomerOfAnotherNodeIsWrittenDown(t *testing.T) {
	l, text := admitting(t)
	in := newcomer(0)
	l.roster = newRoster("web1", 0)
	l.roster.update(time.Unix(1000, 0), []cluster.Member{memberAt(in.Node, in.Bind.String(), cluster.Up, true)}, nil, quietEvents())
	for range 2 {
		if err := (control{l}).AddPeer(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(text(), in.Bind.String()); n != 1 || len(l.written) != 1 || l.joinList(time.Unix(2000, 0)) != nil {
		t.Errorf("%d times in\n%s\nmissed: %v", n, text(), l.joinList(time.Unix(2000, 0)))
	}
	record := trial.Record{Trial: console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Minute)}, Old: text()}
	if err := l.trials.Adopt(record); err != nil {
		t.Fatal(err)
	}
	if err := (control{l}).AddPeer(t.Context(), newcomer(1)); err == nil || strings.Contains(text(), newcomer(1).Bind.String()) {
		t.Errorf("written down during a trial: %v\n%s", err, text())
	}
}

// Whom a node lets in is not forgotten by the end of a trial: until then it lets nobody
// in, and says until when.
func TestNewcomersWaitForATrialToEnd(t *testing.T) {
	l, text := admitting(t)
	record := trial.Record{Trial: console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Minute)}, Old: text()}
	if err := l.trials.Adopt(record); err != nil {
		t.Fatal(err)
	}
	_, err := (control{l}).Admit(t.Context(), newcomer(0))
	var refused *console.Error
	if !errors.As(err, &refused) || refused.Code != console.CodeConflict || !strings.Contains(refused.Error(), record.Trial.Deadline.Format("15:04:05")) {
		t.Errorf("let in during a trial: %v", err)
	}
	if err := l.trials.Back(record, "for a test"); err != nil {
		t.Fatal(err)
	}
	a, err := (control{l}).Admit(t.Context(), newcomer(0))
	if err != nil || string(a.Config) != record.Old || !strings.Contains(text(), "192.0.2.100") {
		t.Errorf("after the trial: %v, with\n%s\nhere it is\n%s", err, a.Config, text())
	}
}
