package vm

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"thresher/perf/lab"
	"thresher/perf/traffic"
	"thresher/perf/vm/call"
)

// service is a machine with Debian, whose daemon is the package's unit.
type service struct {
	*node
	client *lab.Host
}

// TestPackage installs the deb on a Debian whose first process is systemd, and takes
// the unit through its life: start, a service of its own by D-Bus, reload and upgrade
// under load, a daemon that hangs, stop, removal. Its Debians are bookworm and trixie.
func TestPackage(t *testing.T) {
	var deb string
	forKernels(t, []string{"6.1", "6.18"}, func(t *testing.T, k Kernel, o Options) {
		if deb == "" {
			deb = buildPackage(t)
		}
		s := bootDebian(t, k, o, deb)
		files := s.files()
		s.install()
		machine := s.machine()
		s.enable()
		s.holdsRights()
		s.looksAfterUnit()
		pid := s.property("thresher", "MainPID")
		s.under("reload", func() { s.systemctl("reload", "thresher") })
		s.under("upgrade", func() { s.upgrade() })
		if now := s.property("thresher", "MainPID"); now != pid || s.property("thresher", "NRestarts") != "0" {
			t.Errorf("process %s became %s", pid, now)
		}
		s.hangs()
		s.systemctl("stop", "thresher")
		if state := s.property("nginx", "ActiveState"); state != "inactive" {
			t.Errorf("after the stop nginx is %s", state)
		}
		if now := s.machine(); now != machine {
			t.Errorf("before the start:\n%s\nafter the stop:\n%s", machine, now)
		}
		s.remove(files)
	})
}

// buildPackage builds the deb.
func buildPackage(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(built.dir, "packages")
	if out, err := exec.Command("../../deploy/package/build", "amd64", dir).CombinedOutput(); err != nil {
		t.Fatalf("build the packages: %v\n%s", err, out)
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	must(t, err)
	if len(debs) != 1 {
		t.Fatalf("%d debs were built: %q", len(debs), debs)
	}
	return debs[0]
}

// bootDebian boots a machine with a disk that carries the deb, and an echo server.
func bootDebian(t *testing.T, k Kernel, o Options, deb string) *service {
	t.Helper()
	var err error
	o.Disk, err = FetchDisk(t.Context(), k)
	must(t, err)
	init := builtFor(k, "init")
	must(t, Image{Kernel: k, Init: init, Disk: true, Files: map[string]string{
		"carried/guest": init, "carried/thresher.deb": deb, "carried/etc/systemd/system/" + guestUnit: "guest/" + guestUnit,
	}}.Write(o.Image))
	ctx, l := newLab(t, lab.Config{Nodes: 1})
	o.CPUs, o.Memory = 2, 1536
	started := time.Now()
	m, err := Start(ctx, l, l.Nodes[0], o)
	must(t, err)
	s := &service{newNode(t, ctx, m), l.Clients[0]}
	s.program, s.api = "thresher", "unix:///run/thresher/api.sock"
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.journal())
		}
	})
	version := strings.SplitN(s.does("systemctl", "--version"), "\n", 2)[0]
	t.Logf("Linux %s with %s booted in %v", k.Release, version, time.Since(started).Round(100*time.Millisecond))
	_, err = s.Start(ctx, "/guest", "echo")
	must(t, err)
	return s
}

// does runs a command, which must not fail, and returns what it says.
func (s *service) does(args ...string) string {
	s.t.Helper()
	out, err := s.Run(s.ctx, args...)
	must(s.t, err)
	return strings.TrimSpace(string(out))
}

func (s *service) systemctl(args ...string) string {
	s.t.Helper()
	return s.does(append([]string{"systemctl"}, args...)...)
}

func (s *service) property(unit, name string) string {
	s.t.Helper()
	return s.systemctl("show", "--property", name, "--value", unit)
}

// eventually waits until ok.
func (s *service) eventually(what string, ok func() bool) time.Duration {
	s.t.Helper()
	started := time.Now()
	for !ok() {
		if time.Since(started) > patience {
			s.t.Fatalf("not within %v: %s\n%s", patience, what, s.journal())
		}
		time.Sleep(200 * time.Millisecond)
	}
	return time.Since(started)
}

// journal is the end of what systemd and the unit have said, of a test that has failed too.
func (s *service) journal() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), patience)
	defer cancel()
	said, err := s.Run(ctx, "journalctl", "--no-pager", "--output", "short-precise", "--unit", "thresher", "--lines", "60")
	if err != nil {
		return err.Error()
	}
	return string(said)
}

// files are what a package may leave behind.
func (s *service) files() string {
	return s.does("sh", "-c", "find /etc /usr /var/lib/thresher* -xdev 2>/dev/null | sort")
}

// machine is what a daemon may leave changed.
func (s *service) machine() string {
	return s.does("sh", "-c", "ip -o link | sed 's/ qlen.*//'; ip -o address; ls -R /sys/fs/bpf; sysctl net.ipv4.conf.eth0.arp_ignore net.ipv4.conf.eth0.arp_announce")
}

// install installs the deb, which starts nothing.
func (s *service) install() {
	s.does("dpkg", "--install", "/thresher.deb")
	if state := s.property("thresher", "ActiveState"); state != "inactive" {
		s.t.Errorf("after the installation the unit is %s", state)
	}
}

// enable starts the unit with a configuration, and so nginx.
func (s *service) enable() {
	s.t.Helper()
	yaml := fmt.Sprintf(`node: {name: %s}
interface: %s
vips: [{address: %v}]
rules: [{name: web, protocol: tcp, ports: [80, 7], affinity: session}]
cluster: {bind: %v, join: [%[4]v], key_file: /etc/thresher/key}
services: [{name: nginx, systemd: nginx.service, start_timeout: 2m, max_restarts: 20}]
checks: [{name: http, type: http, target: "http://127.0.0.1/", interval: 5s, timeout: 4s, action: restart}]
`, s.Name, lab.Interface, lab.VIP(), s.Address)
	must(s.t, s.Write(s.ctx, "/etc/thresher/thresher.yaml", 0o640, []byte(yaml)))
	s.does("thresher", "key", "/etc/thresher/key")
	s.t.Logf("check:\n%s", s.does("thresher", "check"))
	s.systemctl("enable", "--now", "thresher")
	serves(s.node)
	s.eventually("the status line says that the node is up", func() bool {
		return s.property("thresher", "StatusText") == s.Name+" is up, 1 of 1 nodes up"
	})
	// On a busy machine the first question for the VIP's Ethernet address may go unanswered.
	s.eventually("the VIP answers", func() bool { return s.visits() == nil })
	if state := s.property("nginx", "ActiveState"); state != "active" {
		s.t.Errorf("nginx is %s", state)
	}
}

// visits asks the VIP's nginx once.
func (s *service) visits() error {
	body, err := visit(s.ctx, s.client)
	if err == nil && !strings.Contains(body, "nginx") {
		err = fmt.Errorf("the VIP answers %q", body)
	}
	return err
}

// holdsRights looks what the process may, and has systemd judge the unit.
func (s *service) holdsRights() {
	s.t.Helper()
	status := s.does("cat", "/proc/"+s.property("thresher", "MainPID")+"/status")
	for _, want := range []string{"CapEff:\t000000c000003000", "CapBnd:\t000000c000003000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want+"\n") {
			s.t.Errorf("the daemon's process has not %q:\n%s", want, status)
		}
	}
	judged := strings.Split(s.does("systemd-analyze", "security", "--no-pager", "--threshold=30", "thresher.service"), "\n")
	s.t.Log(judged[len(judged)-1])
}

// looksAfterUnit kills nginx, hangs it, stops and starts the node.
func (s *service) looksAfterUnit() {
	s.t.Helper()
	for _, signal := range []string{"KILL", "STOP"} {
		pid := s.property("nginx", "MainPID")
		s.systemctl("kill", "--signal", signal, "nginx")
		took := s.eventually("nginx runs again after SIG"+signal, func() bool {
			now := s.property("nginx", "MainPID")
			return now != pid && now != "0" && s.visits() == nil
		})
		s.t.Logf("nginx, SIG%s: serves again after %v", signal, took.Round(time.Millisecond))
	}
	s.nodeTo("stop", "stopped", "inactive")
	s.nodeTo("start", "up", "active")
	serves(s.node)
}

// nodeTo gives an order to the node, and looks what becomes of nginx.
func (s *service) nodeTo(order, state, nginx string) {
	s.t.Helper()
	s.does("thresher", order)
	s.does("thresher", "wait", "--state", state, "--timeout", patience.String())
	if got := s.property("nginx", "ActiveState"); got != nginx {
		s.t.Errorf("after thresher %s nginx is %s, want %s", order, got, nginx)
	}
}

// upgrade installs the deb over itself; the daemon must run the new file then.
func (s *service) upgrade() {
	s.t.Helper()
	said, err := s.Do(s.ctx, call.Command{Args: []string{"dpkg", "--install", "/thresher.deb"}})
	must(s.t, err)
	if exe := s.does("readlink", "/proc/"+s.property("thresher", "MainPID")+"/exe"); exe != "/usr/bin/thresher" || said.Exit != 0 {
		s.t.Errorf("after the upgrade %s runs\n%s%s\n%s", exe, said.Stdout, said.Stderr, s.journal())
	}
}

// keep has connections to the echo server, and returns what ends and judges them.
func (s *service) keep() (lasted func(during string)) {
	s.t.Helper()
	k, err := traffic.Keep(s.ctx, s.client, traffic.KeepOptions{
		To: netip.AddrPortFrom(lab.VIP(), 7), Busy: connections, Every: time.Second, Rate: 10, Patience: 30 * time.Second,
	})
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, k.Close()) })
	return func(during string) {
		s.t.Helper()
		report, err := k.Finish(s.ctx)
		must(s.t, err)
		s.t.Logf("%s: %d connections, %d broken, slowest echo %v", during, report.Connections, len(report.Broken), report.Worst.Round(time.Millisecond))
		if len(report.Broken) > 0 {
			s.t.Errorf("%s: broken: %v", during, report.Broken)
		}
	}
}

// under makes requests one after the other, and keeps connections, while do runs.
func (s *service) under(what string, do func()) {
	s.t.Helper()
	lasted := s.keep()
	quit := make(chan struct{})
	var asking sync.WaitGroup
	asked, worst, failed := 0, time.Duration(0), []string(nil)
	asking.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
			}
			started := time.Now()
			if err := s.visits(); err != nil {
				failed = append(failed, err.Error())
			}
			asked, worst = asked+1, max(worst, time.Since(started))
		}
	})
	started := time.Now()
	do()
	took := time.Since(started)
	serves(s.node)
	close(quit)
	asking.Wait()
	s.t.Logf("%s: took %v; %d requests, %d failed, the slowest took %v", what, took.Round(time.Millisecond), asked, len(failed), worst.Round(time.Millisecond))
	if len(failed) > 0 {
		s.t.Errorf("%s: %d of %d requests failed: %q", what, len(failed), asked, failed)
	}
	lasted(what)
}

// hangs stops the daemon's process, which the watchdog notices: another one comes,
// and connections go on.
func (s *service) hangs() {
	s.t.Helper()
	lasted := s.keep()
	pid, err := strconv.Atoi(s.property("thresher", "MainPID"))
	must(s.t, err)
	s.does("kill", "-STOP", strconv.Itoa(pid))
	took := s.eventually("systemd has started another daemon", func() bool {
		return s.property("thresher", "NRestarts") == "1" && s.property("thresher", "ActiveState") == "active"
	})
	s.t.Logf("a daemon that hangs: another one is ready after %v", took.Round(time.Millisecond))
	serves(s.node)
	s.eventually("the VIP answers", func() bool { return s.visits() == nil })
	lasted("a daemon that hangs")
}

// remove removes and purges the package: the key stays, and nothing else.
func (s *service) remove(files string) {
	s.t.Helper()
	s.systemctl("start", "thresher")
	s.does("dpkg", "--remove", "thresher")
	if s.does("sh", "-c", "pidof thresher || true") != "" {
		s.t.Error("after the removal the daemon runs")
	}
	s.does("dpkg", "--purge", "thresher")
	s.does("rm", "/etc/thresher/key")
	s.does("rmdir", "/etc/thresher")
	if now := s.files(); now != files {
		s.t.Errorf("left behind:\n%s\nmissing:\n%s", more(files, now), more(now, files))
	}
}

// more are the lines of b that a does not have.
func more(a, b string) string {
	had := make(map[string]bool)
	for line := range strings.Lines(a) {
		had[strings.TrimSpace(line)] = true
	}
	var lines []string
	for line := range strings.Lines(b) {
		if line = strings.TrimSpace(line); !had[line] {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
