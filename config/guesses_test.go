package config

import (
	"testing"
	"time"
)

// What people write by guess is taken, where it can mean one thing only.
func TestGuesses(t *testing.T) {
	tail := "ports: [53]}"
	for _, tt := range []struct {
		name   string
		edit   []string
		change func(*Config)
	}{
		{"one port", []string{"[80, 443]", "80"}, func(c *Config) { c.Rules[0].Ports = []PortRange{{80, 80}} }},
		{"one range", []string{"[80, 443]", "8000-8010"}, func(c *Config) { c.Rules[0].Ports = []PortRange{{8000, 8010}} }},
		{"all VIPs", []string{tail, "ports: [53], vip: all}"}, func(*Config) {}},
		{"one socket", []string{"interface:", "api: {listen: \"unix:///run/x.sock\"}\ninterface:"}, func(c *Config) { c.API.Socket = "/run/x.sock" }},
		{"days", []string{"protocol: tcp,", "protocol: tcp, sticky: 1d,"}, func(c *Config) { c.Rules[0].Sticky = 24 * time.Hour }},
	} {
		want := goodConfig()
		tt.change(want)
		if diff := diffConfig(want, mustParse(t, with(t, tt.edit...), noEnv())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	checkBad(t, []badCase{
		{"one port", []string{"[80, 443]", "70000"}, "6: rules[0].ports: port 70000 is out of range: use 1 to 65535"},
		{"users in place", []string{"interface:", "api: {users: [{name: anna, role: admin}]}\ninterface:"}, "2: api.users: is not a single value: " + usersApart},
	})
}

func TestDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"1d": day, "31d": 31 * day, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"d", "1.5d", "-1d", "1dd", "1d1", "99999999d", "1day", ""} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
