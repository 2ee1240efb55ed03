package farm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/console"
	"thresher/farm/clock"
	"thresher/farm/confirmation"
	"thresher/health/notify"
)

// someHanded is what a node in the middle of its life hands on.
func someHanded(cfg *config.Config) *handed {
	return &handed{
		Version: handedVersion, Node: cfg.Node, Interface: cfg.Interface, RunDir: cfg.RunDir, Socket: cfg.API.Socket,
		Digest: 1 << 63, XDP: config.XDPGeneric,
		Handed: confirmation.Handed{
			Confirm: []byte{1, 0, 255}, Taken: clock.Now(), Met: confirm.Met{Configured: 3, Most: 5}, HalfOpen: [][]byte{{1, 2}, {3}},
		},
		Life: handLife(life{
			state: console.Draining, reason: "drained", joined: true, drainEnd: time.Unix(2e9, 0).UTC(),
			damper: damper{comebacks: []time.Time{time.Unix(1e9, 0).UTC()}},
		}),
		View:        confirm.ViewID(1<<64 - 1),
		Responders:  map[netip.Addr]string{netip.MustParseAddr("192.0.2.100"): "web2"},
		Roster:      map[string]handedNode{"web2": {Address: netip.MustParseAddrPort("192.0.2.12:7946"), State: console.Up, Blocked: true}},
		Descriptors: descriptors{Lock: 5, API: 6, XDP: 7, TCX: 8, Filters: map[string]int{"5a:fe:c0:00:02:64": 9}},
		Notify:      []notify.Waiting{{To: config.Notify{Command: []string{"/bin/tell"}, States: true}, Messages: []notify.Message{{Kind: "state"}}}},
	}
}

func handedConfig(t *testing.T) *config.Config {
	c := &config.Config{Node: "web1", Interface: "eth0", RunDir: t.TempDir(), API: config.API{Socket: "/run/api.sock"}}
	if err := os.Mkdir(filepath.Join(c.RunDir, c.Node), 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHandedComesBackWhole(t *testing.T) {
	cfg := handedConfig(t)
	want := someHanded(cfg)
	events := []console.Event{{Seq: 41, Kind: "a"}, {Seq: 42, Kind: "b", Message: "}\n{"}}
	b, err := want.encode(events)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeHanded(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(handed{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back []console.Event
	if err := json.Unmarshal(got.events, &back); err != nil || len(back) != 2 || back[1].Seq != 42 {
		t.Errorf("events %v, %v", back, err)
	}
	if l := got.Life.life(); l.state != console.Draining || !l.joined || l.phase() != cluster.Draining || len(l.damper.comebacks) != 1 {
		t.Errorf("life %+v", l)
	}
	for n := range b[:len(b)-len(got.events)-1] {
		if _, err := decodeHanded(b[:n]); err == nil {
			t.Fatalf("read from the first %d of %d bytes", n, len(b))
		}
	}
}

// TestHandedIsFlat: a neighbouring release reads what is handed over by these names, and finds
// the protocol's part beside the rest.
func TestHandedIsFlat(t *testing.T) {
	b, err := someHanded(handedConfig(t)).encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	var names map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&names); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Version", "Digest", "Confirm", "Taken", "ByMessages", "Met", "HalfOpen", "XDP", "Life", "Descriptors"} {
		if names[name] == nil {
			t.Errorf("there is no %s in %s", name, b)
		}
	}
}

func TestHandedOfAnotherKind(t *testing.T) {
	cfg := handedConfig(t)
	for name, change := range map[string]func(*handed){
		"node":      func(h *handed) { h.Node = "web2" },
		"interface": func(h *handed) { h.Interface = "eth1" },
		"run_dir":   func(h *handed) { h.RunDir = "/elsewhere" },
		"socket":    func(h *handed) { h.Socket = "/run/other.sock" },
	} {
		h := someHanded(cfg)
		if !h.fits(cfg) {
			t.Fatal("does not fit unchanged")
		}
		if change(h); h.fits(cfg) {
			t.Errorf("%s: fits", name)
		}
	}
	h := someHanded(cfg)
	h.Version++
	b, err := h.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeHanded(b); err == nil {
		t.Error("another version was read")
	}
	var none *handed
	if none.lock() != nil || len(none.filters()) != 0 || none.phase() != cluster.Starting {
		t.Error("a process that was handed nothing goes on with something")
	}
}

func TestWhatWasLeftIsPickedUpOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*handed)
		want   bool
	}{
		"fresh":             {func(*handed) {}, true},
		"of another node":   {func(h *handed) { h.Node = "web9" }, false},
		"after the lease":   {func(h *handed) { h.Taken -= confirm.Time(time.Second) }, false},
		"before a reboot":   {func(h *handed) { h.Taken += confirm.Time(time.Hour) }, false},
		"of another format": {func(h *handed) { h.Version++ }, false},
	} {
		cfg := handedConfig(t)
		cfg.Cluster.Profile = config.Fast
		h := someHanded(cfg)
		tt.change(h)
		b, err := h.encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		path := handOverFile(cfg.RunDir, cfg.Node)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got := pickUp(cfg, time.Second, slog.New(slog.DiscardHandler))
		if (got != nil) != tt.want {
			t.Errorf("%s: picked up %+v", name, got)
		}
		if got != nil && len(got.Descriptors.list()) > 0 {
			t.Errorf("%s: goes on with descriptors of a process that is gone", name)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: the file is there: %v", name, err)
		}
		if pickUp(cfg, time.Second, slog.New(slog.DiscardHandler)) != nil {
			t.Errorf("%s: picked up twice", name)
		}
	}
}

// A descriptor that the environment names by accident is left alone.
func TestInheritsNothingButItsOwn(t *testing.T) {
	cfg := handedConfig(t)
	f, err := os.Create(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, value := range []string{strconv.Itoa(int(f.Fd())), "9999", "x"} {
		t.Setenv(handOverVariable, value)
		if h, err := newLocal(cfg, slog.New(slog.DiscardHandler), Self{}).inherit(); h != nil || err == nil {
			t.Errorf("%s: %v, %v", value, h, err)
		}
		if _, ok := os.LookupEnv(handOverVariable); ok {
			t.Error("the variable is left for other programs")
		}
	}
	if _, err := f.WriteString("still open"); err != nil {
		t.Error(err)
	}
	if h, err := newLocal(cfg, slog.New(slog.DiscardHandler), Self{}).inherit(); h != nil || err != nil {
		t.Errorf("without the variable: %v, %v", h, err)
	}
}

// TestMessagesAreHandedOn: a restart in place ends the process before a mail that it
// gathers has been sent; the next one has what was to be in it.
func TestMessagesAreHandedOn(t *testing.T) {
	cfg := &config.Config{Node: "web1", Notify: []config.Notify{{Email: &config.Email{Server: "127.0.0.1:1", TLS: "none"}}}}
	l := newLocal(cfg, slog.New(slog.DiscardHandler), Self{Program: filepath.Join(t.TempDir(), "gone")})
	defer signal.Stop(l.hangup)
	defer l.events.notifying(cfg, nil)()
	l.events.add(console.LevelError, "check_down", "check http is down", nil)
	h := &handed{Version: handedVersion, Node: cfg.Node}
	if err := l.become(h); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	b, err := h.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := decodeHanded(b)
	if err != nil {
		t.Fatal(err)
	}
	if left := next.waiting(); len(left) != 1 || len(left[0].Messages) != 1 || left[0].Messages[0].Kind != "check_down" {
		t.Errorf("handed on is %+v", left)
	}
	events := quietEvents()
	defer events.notifying(cfg, next.waiting())()
	if left := events.waiting(); len(left) != 1 {
		t.Errorf("the next process has %+v", left)
	}
}
