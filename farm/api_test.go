package farm

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/farm/trial"
)

// Where an address is taken, or not there yet, listening is tried until it succeeds, and
// told of once.
func TestListenAgain(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := taken.Addr().String()
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(3*listenRetry, func() { taken.Close() })
		told := 0
		began := time.Now()
		l := listenAgain(t.Context(), at, func(error) { told++ })
		if l == nil {
			t.Fatal("it gave up")
		}
		defer l.Close()
		if took := time.Since(began); told != 1 || took < 3*listenRetry || took > 4*listenRetry {
			t.Errorf("told %d times, listened after %v", told, took)
		}
	})
}

// withConsoleAt is a node that shall listen for people at an address of this machine's
// that is taken.
func withConsoleAt(t *testing.T) (*api, config.APIListener) {
	t.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	at := config.APIListener{Address: netip.MustParseAddrPort(taken.Addr().String())}
	l := &local{cfg: &config.Config{API: config.API{Listeners: []config.APIListener{at}}}, events: quietEvents()}
	if l.trials, err = trial.Open(filepath.Join(t.TempDir(), "thresher.yaml")); err != nil {
		t.Fatal(err)
	}
	return &api{local: l}, at
}

// A console that can't be had keeps no node from serving, and is tried again; but a
// configuration that asks for it is not kept.
func TestANodeComesUpWithoutItsConsole(t *testing.T) {
	a, at := withConsoleAt(t)
	if err := a.listenForPeople(); err != nil || len(a.listeners) != 1 || a.listeners[0] != nil {
		t.Errorf("%v, %v", a.listeners, err)
	}
	a.close()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*listenRetry)
		defer cancel()
		if err := a.servePeople(ctx, nil, nil, at); err != nil {
			t.Error(err)
		}
	})
	told := a.events.ring.Since(0)
	if len(told) != 1 || told[0].Kind != "console_blocked" || !strings.Contains(told[0].Message, at.String()+": bind: address already in use; give") {
		t.Errorf("told %v", told)
	}
	running := console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Minute)}
	if err := a.trials.Adopt(trial.Record{Trial: running}); err != nil {
		t.Fatal(err)
	}
	if err := a.listenForPeople(); err == nil || !strings.Contains(err.Error(), "listen on "+at.String()) {
		t.Errorf("on trial: %v", err)
	}
}

// A reload refuses what could not be listened on, but for what the daemon has itself.
func TestAReloadRefusesAPortOfSomebodyElse(t *testing.T) {
	a, at := withConsoleAt(t)
	if err := a.canListen(a.cfg); err != nil {
		t.Errorf("its own: %v", err)
	}
	before := &local{cfg: &config.Config{}, loaded: &config.Config{}}
	if _, err := before.reload(a.cfg, true); err == nil || !strings.Contains(err.Error(), "not reloaded: listen on "+at.String()) {
		t.Errorf("somebody else's: %v", err)
	}
	if cure := listenCure(&net.OpError{Op: "listen", Err: syscall.EACCES}); !strings.Contains(cure, "CAP_NET_BIND_SERVICE") {
		t.Errorf("without the right: %s", cure)
	}
}
