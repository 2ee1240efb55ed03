package farm_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/console"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// moduleServer is a server of a Debian package that a module is for.
type moduleServer struct {
	program, pkg, unit string
	settings           []string // of the module
	// files are what the module's page says about the server's own configuration, and
	// what else a machine has that a lab has not.
	files map[string]string
	// unitEnd takes back what the unit wants of a machine that a lab has not.
	unitEnd string
	// tmpfiles is what the package has below /usr/lib/tmpfiles.d.
	tmpfiles string
	// own are directories that nodes don't share, with their owners.
	own map[string]string
	// ask asks the VIP once.
	ask func(f *healthFarm) error
}

// askWeb asks for the page that the module's check asks for.
func askWeb(f *healthFarm) error {
	return get(f.Client.HTTPClient(netip.Addr{}), f.url()+"/")
}

// askNames asks for what the module's checks ask for, both ways.
func askNames(f *healthFarm) error {
	for _, network := range []string{"udp", "tcp"} {
		if err := f.question(network, "localhost.", "127.0.0.1"); err != nil {
			return err
		}
	}
	return nil
}

// moduleServers are by the module's name, and what follows it.
func moduleServers() map[string]moduleServer {
	return map[string]moduleServer{
		"nginx":  {program: "/usr/sbin/nginx", pkg: "nginx-light", unit: "nginx.service", ask: askWeb},
		"apache": {program: "/usr/sbin/apache2", pkg: "apache2", unit: "apache2.service", ask: askWeb},
		"haproxy": {
			program: "/usr/sbin/haproxy", pkg: "haproxy", unit: "haproxy.service", ask: askWeb, tmpfiles: "haproxy.conf",
			files:    map[string]string{"/etc/haproxy/haproxy.cfg": haproxyConfig},
			settings: []string{"health=/haproxy-health"},
			unitEnd:  "\n[Service]\nBindReadOnlyPaths=\n", // of the journal's socket
		},
		"caddy": {
			program: "/usr/bin/caddy", pkg: "caddy", unit: "caddy.service", ask: askWeb,
			own: map[string]string{"/var/lib/caddy": "caddy"},
		},
		"dns": {
			program: "/usr/sbin/unbound", pkg: "unbound", unit: "unbound.service", ask: askNames,
			files: map[string]string{"/etc/unbound/unbound.conf": unboundOnAll},
			own:   map[string]string{"/var/lib/unbound": "unbound"},
		},
		"dns bind": {
			program: "/usr/sbin/named", pkg: "bind9", unit: "named.service", ask: askNames, tmpfiles: "named.conf",
			settings: []string{"unit=named.service"},
			own:      map[string]string{"/var/cache/bind": "bind", "/var/lib/bind": "bind"},
		},
	}
}

const haproxyConfig = `defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 5s
frontend web
	bind :80
	monitor-uri /haproxy-health
	http-request return status 200 content-type text/plain string "HAProxy"
`

const unboundOnAll = `server:
	interface: 0.0.0.0
	interface-automatic: yes
	access-control: 0.0.0.0/0 allow
	do-ip6: no
remote-control:
	control-enable: no
`

// TestModuleServers runs what `thresher module init` prints, on nodes that have the real
// server of Debian's package, its unit, and a real systemd: clients are served, and a
// node whose server hangs loses its rules until it works again.
func TestModuleServers(t *testing.T) {
	servers := moduleServers()
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if name != "apache" && !*long {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module, _, _ := strings.Cut(name, " ")
			newModuleFarm(t, module, servers[name]).outlivesHang(servers[name])
		})
	}
}

// moduleFarm is a farm of two nodes that run a module's configuration.
type moduleFarm struct {
	*healthFarm
	systemd map[string]*lab.Systemd
}

func newModuleFarm(t *testing.T, module string, server moduleServer) *moduleFarm {
	t.Helper()
	for _, program := range []string{server.program, "/lib/systemd/systemd"} {
		if _, err := os.Stat(program); err != nil {
			leftout.Skip(t, program+" is not installed: apt-get install "+server.pkg+" systemd")
		}
	}
	f := &moduleFarm{&healthFarm{newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{}), nil}, make(map[string]*lab.Systemd)}
	for _, n := range f.Nodes {
		f.install(n, server)
		f.StartWith(n, f.printed(n, module, server.settings))
	}
	f.Converge(f.Nodes...)
	return f
}

// install makes a node a machine that has the server. What is mounted on it comes first:
// systemd does not see what is mounted later.
func (f *moduleFarm) install(n *lab.Node, server moduleServer) {
	f.T.Helper()
	must(f.T, runs(f.testFarm, n, "mount", "-t", "tmpfs", "tmpfs", "/var/log"))
	must(f.T, runs(f.testFarm, n, "mkdir", "/var/log/nginx", "/var/log/apache2"))
	for dir, owner := range server.own {
		must(f.T, runs(f.testFarm, n, "mount", "-t", "tmpfs", "tmpfs", dir))
		must(f.T, runs(f.testFarm, n, "chown", owner, dir))
	}
	for path, text := range server.files {
		file := filepath.Join(n.Dir, filepath.Base(path))
		must(f.T, os.WriteFile(file, []byte(text), 0o644))
		must(f.T, runs(f.testFarm, n, "mount", "--bind", file, path))
	}
	unit, err := os.ReadFile("/lib/systemd/system/" + server.unit)
	must(f.T, err)
	// What is private below /tmp would stay there when the manager is killed.
	text := string(unit) + "\n[Service]\nPrivateTmp=no\n" + server.unitEnd
	f.systemd[n.Name], err = n.StartSystemd(f.Ctx, map[string]string{server.unit: text})
	must(f.T, err)
	if server.tmpfiles != "" {
		must(f.T, runs(f.testFarm, n, "systemd-tmpfiles", "--create", server.tmpfiles))
	}
}

// printed is what module init prints for a node, and where a lab's daemon has its files.
func (f *moduleFarm) printed(n *lab.Node, module string, settings []string) string {
	f.T.Helper()
	args := []string{"module", "init", module, "--node", n.Name, "--interface", lab.Interface, "--vip", lab.VIP().String(),
		"--bind", n.Address.String(), "--key-file", f.Options.KeyFile}
	for _, peer := range f.Nodes {
		args = append(args, "--join", peer.Address.String())
	}
	for _, s := range settings {
		args = append(args, "--set", s)
	}
	out, err := n.CLI(f.Ctx, binary, args...)
	must(f.T, err)
	return string(out) + fmt.Sprintf("api: {listen: [%q]}\nrun_dir: %q\nstate_dir: %q\n", "unix://"+n.Socket(), n.Dir, n.Dir)
}

// working says that the node runs its server and serves all of its rules.
func working(s console.Status) bool {
	ok := s.State == console.Up && s.Services[0].State == "up"
	for _, c := range s.Checks {
		ok = ok && c.State != "down"
	}
	for _, r := range s.Rules {
		ok = ok && len(r.Withdrawn) == 0
	}
	return ok
}

// asked asks the VIP so often. Where the affinity is client, one node answers all.
func (f *moduleFarm) asked(server moduleServer, times int) {
	f.T.Helper()
	for i := range times {
		if err := server.ask(f.healthFarm); err != nil {
			f.T.Fatalf("question %d of %d: %v", i, times, err)
		}
	}
}

// outlivesHang has clients served, and a server hang.
func (f *moduleFarm) outlivesHang(server moduleServer) {
	f.T.Helper()
	for _, n := range f.Nodes {
		f.until(n, server.unit+" works", working)
	}
	f.asked(server, 20)
	n := f.Nodes[0]
	_, err := f.systemd[n.Name].Ctl(f.Ctx, "kill", "--signal=SIGSTOP", server.unit)
	must(f.T, err)
	_, took := f.until(n, "all rules are withdrawn", func(s console.Status) bool {
		return !slices.ContainsFunc(s.Rules, func(r console.Rule) bool { return len(r.Withdrawn) == 0 })
	})
	f.T.Logf("%s: rules are withdrawn %v after it hangs", server.unit, took.Round(time.Millisecond))
	// An interval for each of two failures; twice that on a busy machine.
	if limit := 2 * 2 * time.Second; took > limit {
		f.T.Errorf("%s: rules are withdrawn %v after it hangs, want at most %v", server.unit, took, limit)
	}
	f.Converge(f.Nodes[1])
	f.asked(server, 20)
	// What does not stop when it is asked to, for its workers hang as well, is killed
	// after stop_timeout.
	begun := time.Now()
	f.Eventually(time.Minute, server.unit+" works again", func() bool {
		s, err := f.Status(n)
		return err == nil && working(s) && s.Services[0].Restarts == 1
	})
	f.T.Logf("%s: works again %v later", server.unit, time.Since(begun).Round(time.Millisecond))
	f.Converge(f.Nodes...)
	f.asked(server, 20)
}
