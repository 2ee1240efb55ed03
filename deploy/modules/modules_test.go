package modules

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"thresher/config"
)

var aNode = Node{
	Name: "web1", Interface: "eth0", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.100")}, Bind: netip.MustParseAddr("192.0.2.11"),
	Join: []string{"192.0.2.11", "192.0.2.12"}, Dir: "/etc/thresher/x",
}

// needed are values for what has no default.
var needed = map[string]map[string]string{
	"iis-gateway": {"server": "10.0.0.21"},
	"generic":     {"unit": "app.service"},
}

// TestEveryModule: each one's configuration is accepted, has a rule, a service and a
// check, a page, and a check of each rule.
func TestEveryModule(t *testing.T) {
	all, err := All(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
		t.Run(m.Name, func(t *testing.T) {
			r, err := m.Render(aNode, needed[m.Name])
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Parse(m.Name, []byte(r.Config), config.Options{Env: []string{}})
			if err != nil {
				t.Fatalf("%v\n%s", err, r.Config)
			}
			if len(cfg.Rules) == 0 || len(cfg.Services) == 0 || cfg.Node != "web1" || m.Page == "" {
				t.Errorf("%d rules, %d services, node %q, page of %d bytes", len(cfg.Rules), len(cfg.Services), cfg.Node, len(m.Page))
			}
			for _, rule := range cfg.Rules {
				if !slices.ContainsFunc(cfg.Checks, func(c config.Check) bool { return slices.Contains(c.Rules, rule.Name) }) {
					t.Errorf("no check withdraws rule %s", rule.Name)
				}
			}
			for _, s := range cfg.Services {
				if s.Systemd != "" && !slices.Contains(r.Units, s.Systemd) {
					t.Errorf("unit %s is not among those that must be there, %q", s.Systemd, r.Units)
				}
			}
			for _, line := range strings.Split(r.Sysctl, "\n") {
				if line != "" && line[0] != '#' && !strings.Contains(line, " = ") {
					t.Errorf("sysctl.conf: %q", line)
				}
			}
			for name, text := range r.Files {
				if strings.Contains(text, "${") {
					t.Errorf("%s has settings that are not filled in:\n%s", name, text)
				}
			}
		})
	}
	if want := []string{"apache", "caddy", "dns", "generic", "haproxy", "iis-gateway", "nginx"}; !slices.Equal(names, want) {
		t.Errorf("modules %q, want %q", names, want)
	}
}

// TestOwn: a module of an operator's own is there, and goes before one of the same
// name.
func TestOwn(t *testing.T) {
	own := t.TempDir()
	write(t, own, "app/module.yaml", "summary: ours\nsettings: [{name: port, value: \"81\"}]\n")
	write(t, own, "app/config.yaml", "rules:\n  - {name: app, protocol: tcp, ports: [${port}]}\n# ${vip}, $HOME\n")
	write(t, own, "app/more.conf", "on ${interface}\n")
	write(t, own, "nginx/module.yaml", "summary: our nginx\n")
	write(t, own, "nginx/config.yaml", "rules: []\n")
	m, err := Find(own, "app")
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Render(aNode, map[string]string{"port": "82"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Config, "ports: [82]}\n# 192.0.2.100, $HOME\n") || r.Files["more.conf"] != "on eth0\n" {
		t.Errorf("config %s\nfiles %q", r.Config, r.Files)
	}
	if m, err := Find(own, "nginx"); err != nil || m.Summary != "our nginx" || m.Dir != own+"/nginx" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := Find(own, "ngin"); err == nil || !strings.Contains(err.Error(), `no module "ngin"`) {
		t.Errorf("%v", err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBadModules(t *testing.T) {
	for _, tt := range []struct{ name, description, config, set, want string }{
		{"no summary", "packages: [x]", "rules: []", "", "has no `summary`"},
		{"unknown key", "summary: x\nsumary: y", "rules: []", "", "line 2: field sumary not found"},
		{"a summary of two lines", "summary: |\n  x\n  rules: []\n", "rules: []", "", "several lines"},
		{"no config", "summary: x", "", "", "has no config.yaml"},
		{"a setting of all", "summary: x\nsettings: [{name: vip}]", "rules: []", "", `can't be called "vip"`},
		{"unknown setting in the file", "summary: x", "rules: []\n# ${other}", "", "m/config.yaml:2: ${other} is no setting"},
		{"not closed", "summary: x", "# ${oth", "", "${oth} is no setting"},
		{"a needed setting", "summary: x\nsettings: [{name: port, about: the port}]", "# ${port}", "", "needs the port: add --set port=…"},
		{"a setting that there is not", "summary: x", "rules: []", "prot=1", `has no setting "prot"`},
		{"more than a value", "summary: x\nsettings: [{name: port}]", "# ${port}", "port=1\nrules: []", "a line's end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own := t.TempDir()
			write(t, own, "m/module.yaml", tt.description)
			write(t, own, "m/config.yaml", tt.config)
			m, err := Find(own, "m")
			if err == nil {
				settings := make(map[string]string)
				if name, value, said := strings.Cut(tt.set, "="); said {
					settings[name] = value
				}
				_, err = m.Render(aNode, settings)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzModule: whatever an operator's files say, they are read or refused.
func FuzzModule(f *testing.F) {
	f.Add("summary: x\nsettings: [{name: port, value: \"1\"}]", "ports: [${port}]", "2")
	f.Add("summary: x", "${", "")
	f.Add("", "${vip}", "\n")
	f.Fuzz(func(t *testing.T, description, config, value string) {
		d, err := parseDescription([]byte(description))
		if err != nil {
			return
		}
		m := &Module{Name: "m", Description: d, config: config}
		settings := make(map[string]string)
		for _, s := range d.Settings {
			settings[s.Name] = value
		}
		for _, s := range d.Settings {
			if s.Value != nil {
				value += *s.Value
			}
		}
		r, err := m.Render(aNode, settings)
		if err == nil && !strings.Contains(value, "${") && strings.Contains(strings.TrimPrefix(r.Config, head(m, aNode)), "${") && !strings.Contains(config+value, "$") {
			t.Errorf("a setting is left in %q", r.Config)
		}
	})
}
