package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"thresher/deploy/modules"
	"thresher/internal/leftout"
	"thresher/internal/netnstest"
)

// servers are the programs of Debian's packages that modules are about, and other
// units than the module's own.
var servers = []struct {
	module, program, pkg string
	settings             map[string]string
}{
	{"nginx", "/usr/sbin/nginx", "nginx-light", nil},
	{"apache", "/usr/sbin/apache2", "apache2", nil},
	{"haproxy", "/usr/sbin/haproxy", "haproxy", nil},
	{"caddy", "/usr/bin/caddy", "caddy", nil},
	{"dns", "/usr/sbin/unbound", "unbound", nil},
	{"dns", "/usr/sbin/named", "bind9", map[string]string{"unit": "named.service"}},
	{"iis-gateway", "/usr/sbin/nft", "nftables", map[string]string{"server": "10.0.0.21"}},
}

// TestModulesFitMachine: on a machine with the server of Debian's package, what its
// module's init prints is found fit by check, and the units and programs that install
// asks for are there.
func TestModulesFitMachine(t *testing.T) {
	machine, other := netnstest.New(t), netnstest.New(t)
	machine.Veth(t, "eth0", other, "eth0", 1)
	machine.Addr(t, "eth0", "192.0.2.11/24")
	for _, s := range servers {
		t.Run(s.pkg, func(t *testing.T) {
			if _, err := os.Stat(s.program); err != nil {
				leftout.Skip(t, s.program+" is not installed: apt-get install "+s.pkg)
			}
			path := printModule(t, s.module, s.settings)
			machine.Do(t, func() error {
				if stdout, stderr, code := thresher(t.Context(), "check", "--config", path); code != exitDone {
					t.Errorf("check exits %d: %s%s", code, stdout, stderr)
				}
				return nil
			})
			m, err := modules.Find(filepath.Join(t.TempDir(), "none"), s.module)
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Render(modules.Node{Interface: "eth0", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.100")}}, s.settings)
			if err != nil {
				t.Fatal(err)
			}
			if missing := m.Missing(r, "/"); len(missing) > 0 {
				t.Errorf("%s is there, but %v", s.program, missing)
			}
		})
	}
}

// printModule writes what a module's init prints to a file.
func printModule(t *testing.T, module string, settings map[string]string) string {
	t.Helper()
	args := []string{"module", "init", module, "--key-file", "key", "--interface", "eth0", "--vip", "192.0.2.100",
		"--bind", "192.0.2.11", "--join", "192.0.2.11,192.0.2.12"}
	for name, value := range settings {
		args = append(args, "--set", name+"="+value)
	}
	out, stderr, code := thresher(t.Context(), args...)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	path := filepath.Join(configDir(t), "thresher.yaml")
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
