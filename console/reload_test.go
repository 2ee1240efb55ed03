package console

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReload(t *testing.T) {
	want := Reload{Action: ReloadWeights, Changes: []string{"rules.web.weight: 50, was 100"}, Warnings: []string{"odd"}}
	f := &fakeFarm{reload: want}
	c, _ := startServer(t, f, NewLog(0))
	for _, check := range []bool{true, false} {
		got, err := c.Reload(t.Context(), check)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if diff := cmp.Diff([]string{"reload true", "reload false"}, f.called()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if resp, body := request(t, c, "POST", "/v1/node/reload?check=perhaps", ""); resp.StatusCode != 400 {
		t.Errorf("answered %d %q", resp.StatusCode, body)
	}
}

// A reload by a restart ends with the restart's event, and one that fails on the
// way with its error.
func TestReloadByRestart(t *testing.T) {
	log := NewLog(0)
	f := &fakeFarm{reload: Reload{Action: ReloadRestart, Changes: []string{"datapath.pin: false, was true"}}}
	kind := KindRestarted
	f.act = func(context.Context) error {
		time.AfterFunc(10*time.Millisecond, func() { log.Add(Event{Kind: kind, Message: "as it went"}) })
		return nil
	}
	c, _ := startServer(t, f, log)
	if got, err := c.Reload(t.Context(), false); err != nil || got.Action != ReloadRestart {
		t.Errorf("%+v, %v", got, err)
	}
	kind = KindRestartFailed
	if _, err := c.Reload(t.Context(), false); err == nil || !strings.Contains(err.Error(), "as it went") {
		t.Errorf("failed afterwards: %v", err)
	}
	if resp, body := request(t, c, "POST", "/v1/node/reload", ""); resp.StatusCode != 202 {
		t.Errorf("answered %d %q", resp.StatusCode, body)
	}
}

func TestReloadThatIsRefused(t *testing.T) {
	c, _ := startServer(t, &fakeFarm{err: &Error{Code: CodeConflict, Message: "not reloaded: f.yaml:3: x"}}, NewLog(0))
	var refused *Error
	if _, err := c.Reload(t.Context(), false); !errors.As(err, &refused) || refused.Code != CodeConflict {
		t.Errorf("%v", err)
	}
}

func TestWeigh(t *testing.T) {
	f := &fakeFarm{}
	c, _ := startServer(t, f, NewLog(0))
	zero := uint8(0)
	if err := errors.Join(c.Weigh(t.Context(), "web", &zero), c.Weigh(t.Context(), "web", nil)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"weigh web 0", "weigh web"}; !slices.Equal(f.called(), want) {
		t.Errorf("calls %q, want %q", f.called(), want)
	}
	if resp, body := request(t, c, "POST", "/v1/node/weight?rule=web&weight=256", ""); resp.StatusCode != 400 {
		t.Errorf("answered %d %q", resp.StatusCode, body)
	}
}

func TestReloadText(t *testing.T) {
	r := Reload{Action: ReloadRestart, Changes: []string{"a: 1, was 2", "b changed"}, Warnings: []string{"c is odd"}}
	want := "in force, by a restart in place:\n  a: 1, was 2\n  b changed\nwarning: c is odd\n"
	if got := ReloadText(r, true); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, action := range []string{ReloadNothing, ReloadWeights, ReloadRestart} {
		if a, b := ReloadText(Reload{Action: action}, true), ReloadText(Reload{Action: action}, false); a == b || len(a) < 5 || len(b) < 5 {
			t.Errorf("%s: %q and %q", action, a, b)
		}
	}
}

func TestWeightCell(t *testing.T) {
	for want, r := range map[string]Rule{
		"50":                                 {Weight: 50},
		"100, single":                        {Weight: 100, Mode: "single"},
		"blocked":                            {Mode: "block"},
		"withdrawn: check http, service web": {Mode: "single", Withdrawn: []string{"check http", "service web"}},
	} {
		if got := weightCell(r); got != want {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
}
