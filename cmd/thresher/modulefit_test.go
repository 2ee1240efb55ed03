package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"thresher/deploy/modules"
	"thresher/internal/netnstest"
)

// servers are the programs of Debian's packages that modules are about, and other
// units than the module's own.
var servers = []struct {
	module, program string
	settings        map[string]string
}{
	{"nginx", "/usr/sbin/nginx", nil},
	{"apache", "/usr/sbin/apache2", nil},
	{"haproxy", "/usr/sbin/haproxy", nil},
	{"caddy", "/usr/bin/caddy", nil},
	{"dns", "/usr/sbin/unbound", nil},
	{"dns", "/usr/sbin/named", map[string]string{"unit": "named.service"}},
	{"iis-gateway", "/usr/sbin/nft", map[string]string{"server": "10.0.0.21"}},
}

// TestModulesFitMachine: where a server is installed, what its module's init prints is
// found fit by check on this machine, and the units and programs that install asks for
// are there. Which servers are there is the machine's; CI has nginx and nftables.
func TestModulesFitMachine(t *testing.T) {
	machine, other := netnstest.New(t), netnstest.New(t)
	machine.Veth(t, "eth0", other, "eth0", 1)
	machine.Addr(t, "eth0", "192.0.2.11/24")
	for _, s := range servers {
		if _, err := os.Stat(s.program); err != nil {
			t.Logf("%s is not installed", s.program)
			continue
		}
		flags := []string{"--interface", "eth0", "--vip", "192.0.2.100", "--bind", "192.0.2.11", "--join", "192.0.2.11,192.0.2.12"}
		for name, value := range s.settings {
			flags = append(flags, "--set", name+"="+value)
		}
		out, stderr, code := thresher(t.Context(), append([]string{"module", "init", s.module, "--key-file", "key"}, flags...)...)
		if code != exitDone {
			t.Fatalf("%s: exit %d: %s", s.module, code, stderr)
		}
		path := filepath.Join(configDir(t), "thresher.yaml")
		if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		machine.Do(t, func() error {
			if stdout, stderr, code := thresher(t.Context(), "check", "--config", path); code != exitDone {
				t.Errorf("%s: check exits %d: %s%s", s.program, code, stdout, stderr)
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
		t.Logf("module %s fits with %s", s.module, s.program)
	}
}
