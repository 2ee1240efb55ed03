package findings

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
)

func TestRules(t *testing.T) {
	cfg := &config.Config{Node: "web3", Rules: []config.Rule{
		{Name: "web", Mode: config.ModeShared},
		{Name: "two", Mode: config.ModeShared, Nodes: []string{"web1", "web2"}},
		{Name: "db", Mode: config.ModeSingle, Nodes: []string{"web1", "web3"}},
		{Name: "old", Mode: config.ModeBlock},
	}}
	want := []string{
		"warn: rule two is for web1, web2 alone: this node, web3, has no part of it; add web3 to the rule's nodes if it should have one",
		"warn: rule db is for web1, web3: whether there are such nodes, only the farm knows; when the farm runs, thresher reload --check names those that it has not seen",
		"ok: rule old: nobody serves it (mode block)",
	}
	var got []string
	for _, f := range rules(cfg) {
		got = append(got, f.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
