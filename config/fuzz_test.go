package config

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// Whatever the file, Parse gives either a configuration that holds what its
// types promise, or problems in order; and the same each time.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../deploy/thresher.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(goodFile))
	f.Add([]byte(strings.Replace(goodFile, "[80, 443]", "[70000, a, {}, [], ~, 1-2, 2020-01-01]", 1)))
	f.Add([]byte("a: &a [*a]\nA: *a\n"))
	f.Add([]byte("? [a]\n: b\n<<: {c: d}\n!!binary aGk=: e\n"))
	f.Add([]byte("vips: {}\nrules: 5\ncluster: []\nnode.name: x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f.yaml", data, noEnv())
		c2, again := Parse("f.yaml", data, noEnv())
		if err == nil {
			checkConfig(t, c)
			if again != nil || c.RulesDigest() != c2.RulesDigest() {
				t.Errorf("not the same the second time: %v", again)
			}
			return
		}
		if c != nil || again == nil || again.Error() != err.Error() {
			t.Fatalf("with config: %v\nfirst: %v\nagain: %v", c != nil, err, again)
		}
		var list Errors
		if !errors.As(err, &list) || len(list) == 0 {
			t.Fatalf("error of type %T", err)
		}
		lines := strings.Count(string(data), "\n") + 1 + strings.Count(string(data), "\r") +
			strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029")
		for _, e := range list {
			if e.Problem == "" || e.File != "f.yaml" || e.Line > lines {
				t.Errorf("problem %#v of a file of %d lines", e, lines)
			}
		}
		if !slices.IsSortedFunc(list, func(a, b *Error) int { return a.Line - b.Line }) {
			t.Errorf("not in the file's order:\n%v", err)
		}
	})
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	if len(c.VIPs) == 0 || len(c.VIPs) > MaxVIPs || len(c.Rules) == 0 || len(c.Rules) > MaxRules {
		t.Errorf("%d VIPs and %d rules", len(c.VIPs), len(c.Rules))
	}
	if c.Node == "" || c.Interface == "" || !c.Cluster.Bind.IsValid() || c.API.Socket == "" {
		t.Errorf("incomplete: %+v", c)
	}
	for _, v := range c.VIPs {
		if !v.Address.Is4() || v.Mode == 0 || v.MAC.IsGroup() != (v.Mode == Multicast || v.Mode == IGMP) || v.MAC.IsZero() != (v.Mode == Directed) {
			t.Errorf("VIP %+v", v)
		}
	}
	for _, r := range c.Rules {
		if r.Weight > 100 || len(r.Ports) == 0 || r.Name == "" {
			t.Errorf("rule %+v", r)
		}
		before := 0
		for _, p := range r.Ports {
			if int(p.First) <= before || p.First > p.Last {
				t.Errorf("ports %v", r.Ports)
			}
			before = int(p.Last)
		}
	}
}
