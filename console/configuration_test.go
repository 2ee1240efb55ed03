package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// A change that passed the check and that a node refuses after all is no success in the audit.
func TestARefusedConfigurationIsAuditedAsSuch(t *testing.T) {
	farm := startFarm(t, 2)
	farm[1].farm.act = func(context.Context) error { return &Error{Code: CodeConflict, Message: "not now"} }
	out, err := farm[0].client.ChangeConfig(t.Context(), ConfigChange{Text: []byte("default: pass\n"), Node: "web2", ETag: ETagOf(nil)})
	if err != nil || !out.Failed() {
		t.Fatalf("%+v, %v", out, err)
	}
	events := farm[0].log.Since(0)
	if len(events) != 1 || events[0].Level != LevelWarn || events[0].Fields["failure"] != "web2: not now" {
		t.Errorf("audited as %+v", events)
	}
}

// The largest farm with the longest names can try a configuration: what is told of it
// need not fit into a URL. What fits is where every release takes it from.
func TestConfigurationOfTheLargestFarm(t *testing.T) {
	for _, tt := range []struct {
		name         string
		nodes, rules int
		param        string
	}{{"small", 2, 1, "before"}, {"largest", 32, 256, "before_first"}} {
		t.Run(tt.name, func(t *testing.T) {
			farm := startFarm(t, 2)
			self := &farm[0].farm.status
			self.Rules, self.Nodes = nil, slices.Clone(self.Nodes)
			shares := map[string]float64{}
			for i := range tt.rules {
				name := fmt.Sprintf("%063d", i)
				shares[name] = 1
				self.Rules = append(self.Rules, Rule{Name: name})
			}
			for i := range tt.nodes - 2 {
				self.Nodes = append(self.Nodes, Node{Name: fmt.Sprintf("%063d", i), State: Up})
			}
			self.Nodes[0].Shares = shares
			before := HealthOf(*self)
			before.Failing = nil
			if q, _, err := (configChange{before: before}).toNode(nil, false); err != nil || !q.Has(tt.param) {
				t.Errorf("asks by %v, %v", q, err)
			}
			change := ConfigChange{Text: []byte("default: pass\n"), Node: "web2", ETag: ETagOf(nil)}
			out, err := farm[0].client.ChangeConfig(t.Context(), change)
			if err != nil || out.Failed() {
				t.Fatalf("%+v, %v", out, err)
			}
			if calls := farm[1].farm.called(); !slices.Equal(calls, []string{"try default: pass\n"}) {
				t.Errorf("web2 was told %q", calls)
			}
			if diff := cmp.Diff(before, farm[1].farm.Trial().Before); diff != "" || len(before.Up) != tt.nodes {
				t.Errorf("before (-want +got):\n%s", diff)
			}
		})
	}
}
