package console

import (
	"errors"
	"strings"
	"testing"
)

// A change for all reaches every node as its own text, and none if one refuses.
func TestConfigurationForAll(t *testing.T) {
	farm := startFarm(t, 3)
	for i, one := range farm {
		one.farm.text = "node: {name: " + nodeName(i) + "}\ndefault: deny\n"
		one.farm.reload = Reload{Action: ReloadWeights, Changes: []string{}}
	}
	c := farm[0].client
	now, err := c.Configuration(t.Context(), "web2")
	must(t, err)
	if now.Node != "web2" || now.ETag != ETagOf([]byte(farm[1].farm.text)) {
		t.Fatalf("%+v", now)
	}
	change := ConfigChange{Text: []byte(strings.Replace(now.Text, "deny", "pass", 1)), Node: "web2", All: true, Check: true, ETag: now.ETag}
	out, err := c.ChangeConfig(t.Context(), change)
	must(t, err)
	if len(out.Nodes) != 3 || out.Failed() || out.ID != "" || !strings.Contains(out.Text(true), "-default: deny\n+default: pass") {
		t.Errorf("%+v", out)
	}
	var e *Error
	stale := change
	stale.ETag = `"old"`
	if _, err := c.ChangeConfig(t.Context(), stale); !errors.As(err, &e) || e.Code != CodePrecondition {
		t.Errorf("a stale change: %v", err)
	}
	stale.ETag = ""
	if _, err := c.ChangeConfig(t.Context(), stale); !errors.As(err, &e) || e.Code != CodePrecondition {
		t.Errorf("a change of nothing that was read: %v", err)
	}
	change.Check = false
	farm[2].farm.err = &Error{Code: CodeConflict, Message: "not here"}
	out, err = c.ChangeConfig(t.Context(), change)
	if err != nil || !out.Failed() || out.ID != "" {
		t.Errorf("%+v, %v", out, err)
	}
	for _, one := range farm {
		if calls := one.farm.called(); len(calls) != 0 {
			t.Errorf("a refused change was made: %v", calls)
		}
	}
	farm[2].farm.err = nil
	out, err = c.ChangeConfig(t.Context(), change)
	if err != nil || out.Failed() || out.ID == "" {
		t.Fatalf("%+v, %v", out, err)
	}
	for i, one := range farm {
		calls := one.farm.called()
		if len(calls) != 1 || !strings.Contains(calls[0], "default: pass") || !strings.Contains(calls[0], nodeName(i)) {
			t.Errorf("%s was told %v", nodeName(i), calls)
		}
		if trial := one.farm.Trial(); trial.ID != out.ID || len(trial.Nodes) != 3 {
			t.Errorf("%s has %+v", nodeName(i), trial)
		}
	}
}
