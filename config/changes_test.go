package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		edit   func(*Config)
		want   string
		effect Effect
	}{
		{"nothing", func(*Config) {}, "", EffectNone},
		{"weight", func(c *Config) { c.Rules[0].Weight = 7 }, "rules.web.weight: 7, was 100", EffectWeights},
		{"priority", func(c *Config) { c.Rules[0].Priority = 1 }, "rules.web.priority: 1, was 50", EffectWeights},
		{"nodes", func(c *Config) { c.Rules[1].Nodes = []string{"web1", "web2"} }, "rules.dns.nodes: web1, web2, was all", EffectWeights},
		{"offload", func(c *Config) { c.Datapath.Offload = OffloadNone }, "datapath.offload: none, was full", EffectRestart},
		{"join", func(c *Config) { c.Cluster.JoinTimeout++ }, "cluster.join_timeout: 3.000000001s, was 3s", EffectRestart},
		{"weight and offload", func(c *Config) { c.Rules[0].Weight, c.Datapath.Pin = 7, false },
			"datapath.pin: false, was true\nrules.web.weight: 7, was 100", EffectRestart},
		{"VIPs turned round", func(c *Config) { slices.Reverse(c.VIPs) }, "vips: [192.0.2.99 flood *", EffectRestart},
		{"all VIPs by name", func(c *Config) { c.Rules[0].VIPs = append(c.Rules[0].VIPs, c.VIPs[0].Address, c.VIPs[1].Address) },
			"rules.web changed", EffectRestart},
		{"VIP without a MAC of its own", func(c *Config) { c.VIPs = []VIP{{Address: c.VIPs[0].Address, Mode: Directed}} }, "vips: [192.0.2.100 directed], was *", EffectRules},
		{"VIP", func(c *Config) { c.VIPs = c.VIPs[:1] }, "vips: *", EffectRules},
		{"ports", func(c *Config) { c.Rules[0].Ports = c.Rules[0].Ports[:1] }, "rules.web changed", EffectRules},
		{"mode", func(c *Config) { c.Rules[0].Mode = ModeSingle }, "rules.web changed", EffectRules},
		{"rule gone", func(c *Config) { c.Rules = c.Rules[:1] }, "rules.dns is gone, it was there", EffectRules},
		{"rule new", func(c *Config) { c.Rules = append(c.Rules, Rule{Name: "mail", Protocol: TCP}) }, "rules.mail is new: there", EffectRules},
		{"rules turned round", func(c *Config) { slices.Reverse(c.Rules) }, "rules: dns, web, was web, dns", EffectRules},
		{"name", func(c *Config) { c.Node = "web9" }, "node.name: web9, was web1", EffectAnew},
		{"health URL", func(c *Config) { c.HealthListen = port("0.0.0.0:9010") }, "health_listen is new: 0.0.0.0:9010", EffectRestart},
		{"keys", func(c *Config) { c.Cluster.Keys.Gossip[0]++ }, "cluster.key_file changed", EffectAnew},
		{"bind", func(c *Config) { c.Cluster.Bind = port("192.0.2.13:7946") }, "cluster.bind: 192.0.2.13:7946, was 192.0.2.11:7946", EffectAnew},
		{"another network", func(c *Config) { c.Cluster.Further = []netip.AddrPort{port("198.51.100.11:7946")} },
			"cluster.bind: [198.51.100.11:7946], was []", EffectRestart},
		{"boot", func(c *Config) { c.Life.SlowStart = time.Minute }, "node.slow_start: 1m0s, was 0s", EffectRestart},
		{"VIP checks", func(c *Config) { c.Life.NoVIPChecks = true }, "node.vip_checks changed", EffectRestart},
		{"issuer", func(c *Config) { c.API.OIDC.Admin = []string{"ops"} }, "api.oidc.roles.admin: [ops], was []", EffectRestart},
		{"listen", func(c *Config) { c.API.Listeners = []APIListener{{Address: port("192.0.2.11:9453")}} },
			"api.listen: [https://192.0.2.11:9453], was []", EffectRestart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := digestConfig()
			next.Rules = slices.Clone(next.Rules)
			tt.edit(next)
			list := digestConfig().Changes(next)
			var lines []string
			for _, one := range list {
				lines = append(lines, one.String())
			}
			got := strings.Join(lines, "\n")
			if before, open := strings.CutSuffix(tt.want, "*"); got != tt.want && !(open && strings.HasPrefix(got, before)) {
				t.Errorf("changes:\n%s\nwant:\n%s", got, tt.want)
			}
			if effect := EffectOf(list); effect != tt.effect {
				t.Errorf("effect %d, want %d", effect, tt.effect)
			}
		})
	}
}

// What services, checks and notifications have may be secret, whatever has changed of it:
// who may not read the configuration reads of the change.
func TestChangesAreWithoutSecrets(t *testing.T) {
	const secret = "s3cret"
	next := digestConfig()
	next.Notify = []Notify{{Webhook: "https://hooks.example.com/" + secret}, {Command: []string{"tell", secret}}, {Email: &Email{User: secret}}}
	next.Services = []Service{{Name: "web", Start: []string{"start", secret}, Environment: []string{"PASSWORD=" + secret}}}
	next.Checks = []Check{{Name: "web", HTTP: HTTPCheck{URL: "http://127.0.0.1/?token=" + secret}, TCP: TCPCheck{Send: secret}}}
	var keys []string
	for _, one := range digestConfig().Changes(next) {
		if text := one.String(); strings.Contains(text, secret) || strings.Contains(text, "0x") || text != one.Key+" changed" {
			t.Errorf("%s", text)
		}
		keys = append(keys, one.Key)
	}
	if want := []string{"services", "checks", "notify"}; !slices.Equal(keys, want) {
		t.Errorf("changed are %v, want %v", keys, want)
	}
}

// Every field of Config is compared, whatever is added.
func TestChangesHaveTheFilesKeys(t *testing.T) {
	for name, want := range map[string]string{"VIPs": "vips", "RunDir": "run_dir", "JoinTimeout": "join_timeout", "XDP": "xdp", "API": "api"} {
		if got := snake(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
