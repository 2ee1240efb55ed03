package farm_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"thresher/console"
	"thresher/deploy/modules"
	"thresher/health/process"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// Real servers as services, each for some seconds.

// newServiceFarm starts a farm of two nodes whose daemons run what more says.
func newServiceFarm(t *testing.T, c lab.Config, o lab.FarmOptions, more func(f *testFarm, n *lab.Node) string) *healthFarm {
	t.Helper()
	c.Nodes = 2
	f := newFarm(t, c, o)
	for _, n := range f.Nodes {
		yaml, err := n.NodeConfig(f.Options)
		must(t, err)
		f.StartWith(n, yaml+more(f, n))
	}
	f.Converge(f.Nodes...)
	return &healthFarm{f, nil}
}

// installed says whether a test of a real server is to run, and skips it if the
// server is not there.
func installed(t *testing.T, program, pkg string) bool {
	t.Helper()
	if !*long {
		return false
	}
	if _, err := os.Stat(program); err != nil {
		leftout.Skip(t, program+" is not installed: apt-get install "+pkg)
	}
	return true
}

// endAll ends processes that a dead daemon may have left, by what they were told.
func endAll(t *testing.T, p process.Pattern) {
	t.Helper()
	t.Cleanup(func() {
		if pids, err := p.Find(); err == nil {
			_ = process.Kill(pids) // they may have ended
		}
	})
}

const apacheConfig = `ServerRoot DIR
ServerName farm.test
PidFile DIR/apache2.pid
ErrorLog DIR/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
DirectoryIndex index.html
DefaultRuntimeDir DIR
User www-data
Group www-data
Listen 0.0.0.0:80
DocumentRoot DIR/www
GracefulShutdownTimeout 5
`

// apache writes a configuration, and returns it as a service of commands. Its
// workers outlive a killed master, so it is found by its name.
func apache(t *testing.T, n *lab.Node) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "thresher-apache-") // its workers are another user's
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Mkdir(filepath.Join(dir, "www"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "www", "index.html"), []byte(n.Name), 0o644))
	file := filepath.Join(dir, "apache2.conf")
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(apacheConfig, "DIR", dir)), 0o644))
	start := list([]string{"/usr/sbin/apache2", "-f", file, "-k", "start"})
	stop := list([]string{"/usr/sbin/apache2", "-f", file, "-k", "graceful-stop"})
	return fmt.Sprintf(`services:
  - {name: apache2, start: [%s], stop: [%s], process: {name: apache2, args: %q}, start_timeout: 10s, stop_timeout: 10s}
checks:
  - {name: http, type: http, target: "http://127.0.0.1/index.html", interval: 200ms, timeout: 150ms, action: restart, rules: [web]}
`, start, stop, dir)
}

// TestApache: a killed Apache is started again, and a stop and a start under load
// cost nobody a request.
func TestApache(t *testing.T) {
	if !installed(t, "/usr/sbin/apache2", "apache2") {
		return
	}
	f := newServiceFarm(t, lab.Config{}, lab.FarmOptions{TCPPorts: []int{80}, Affinity: "session"},
		func(_ *testFarm, n *lab.Node) string { return apache(t, n) })
	n := f.Nodes[0]
	f.until(n, "apache2 is up", func(s console.Status) bool { return s.Services[0].State == "up" && s.Checks[0].State == "up" })
	stop := f.visit(t)
	f.stopAndStart(n)
	if got := stop(); len(got.failures) > 0 || got.done < 100 {
		t.Errorf("a stop and a start: %d of %d requests failed: %v", len(got.failures), got.done, got.failures)
	}
	pids, err := process.Pattern{Name: "apache2", Args: regexp.MustCompile("thresher-apache-")}.Find()
	must(t, err)
	if len(pids) < 4 {
		t.Fatalf("processes of Apache on two nodes: %d", len(pids))
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // a worker may have ended with its master
	}
	for _, n := range f.Nodes {
		s, took := f.until(n, "apache2 was restarted", func(s console.Status) bool {
			return s.Services[0].Restarts >= 1 && s.Services[0].State == "up" && s.Checks[0].State == "up" && len(s.Rules[0].Withdrawn) == 0
		})
		t.Logf("%s: Apache is back after %v", n.Name, took)
		if s.Services[0].Restarts != 1 {
			t.Errorf("%s: it took %d restarts: %s", n.Name, s.Services[0].Restarts, s.Services[0].Detail)
		}
	}
	f.Converge(f.Nodes...)
	must(t, get(f.Client.HTTPClient(netip.Addr{}), "http://"+lab.VIP().String()+"/index.html"))
}

// stopAndStart takes a node out and back.
func (f *healthFarm) stopAndStart(n *lab.Node) {
	f.T.Helper()
	f.Thresher(n, "stop")
	f.Thresher(n, "wait", "--state", "stopped", "--timeout", "30s")
	f.Pass(200 * time.Millisecond)
	f.Thresher(n, "start")
	f.Thresher(n, "wait", "--state", "up", "--timeout", "30s")
	f.Converge(f.Nodes...)
}

// TestStopAndStartUnderWrk: no request of wrk's fails while a node goes and comes.
func TestStopAndStartUnderWrk(t *testing.T) {
	if !installed(t, "/usr/bin/wrk", "wrk") {
		return
	}
	f := newHealthFarm(t, 2, "", strings.Replace(httpCheck, "ACTION", "restart", 1))
	p, err := f.Client.Start("wrk", "-t1", "-c16", "-d12s", "--timeout", "5s", "-H", "Connection: close", "http://"+lab.VIP().String()+"/")
	must(t, err)
	for range 2 {
		f.stopAndStart(f.Nodes[0])
	}
	must(t, p.Wait())
	out := p.Tail(4000)
	t.Log(out)
	if strings.Contains(out, "Socket errors") || strings.Contains(out, "Non-2xx") || !strings.Contains(out, "requests in") {
		t.Error("requests failed")
	}
}

const unboundConfig = `server:
  directory: "DIR"
  chroot: ""
  username: ""
  use-syslog: no
  logfile: "DIR/unbound.log"
  pidfile: "DIR/unbound.pid"
  interface: 127.0.0.1
  interface: VIP
  access-control: 0.0.0.0/0 allow
  do-ip6: no
  local-zone: "farm.test." static
  local-data: "farm.test. A 192.0.2.7"
remote-control:
  control-enable: no
`

// TestUnbound: a name server over UDP and TCP, with the checks of module dns, answers
// all the time while a node is stopped, started, and its server killed.
func TestUnbound(t *testing.T) {
	if !installed(t, "/usr/sbin/unbound", "unbound") {
		return
	}
	m, err := modules.Find(modules.Own, "dns")
	must(t, err)
	f := newServiceFarm(t, lab.Config{}, lab.FarmOptions{TCPPorts: []int{53}, UDPPorts: []int{53}}, func(_ *testFarm, n *lab.Node) string {
		r, err := m.Render(modules.Node{VIPs: []netip.Addr{lab.VIP()}, Interface: lab.Interface}, map[string]string{"query": "farm.test"})
		must(t, err)
		file := filepath.Join(n.Dir, "unbound.conf")
		text := strings.NewReplacer("DIR", n.Dir, "VIP", lab.VIP().String()).Replace(unboundConfig)
		must(t, os.WriteFile(file, []byte(text), 0o600))
		endAll(t, process.Pattern{PidFile: filepath.Join(n.Dir, "unbound.pid")})
		checks := r.Config[strings.Index(r.Config, "checks:"):]
		checks = strings.NewReplacer("rules: [dns]", "rules: [udp]", "rules: [dns-tcp]", "rules: [web]").Replace(checks)
		return fmt.Sprintf(`services:
  - {name: dns, start: [/usr/sbin/unbound, -c, %q], stop: [/bin/sh, -c, "kill $(cat %s)"], process: {pid_file: %q}}
`, file, filepath.Join(n.Dir, "unbound.pid"), filepath.Join(n.Dir, "unbound.pid")) + checks
	})
	n := f.Nodes[0]
	for _, c := range []string{"dns", "dns-tcp"} {
		f.until(n, "check "+c+" is up", func(s console.Status) bool {
			return strings.Contains(fmt.Sprint(s.Checks), "{"+c+" up")
		})
	}
	stop := f.ask(t)
	f.stopAndStart(n)
	udp, tcp, failed := stop()
	t.Logf("%d answers over UDP, %d over TCP, failed: %v", udp, tcp, failed)
	if udp < 100 || tcp < 100 || len(failed) > 0 {
		t.Errorf("while a node is stopped and started: %d answers over UDP, %d over TCP, %v", udp, tcp, failed)
	}
	pids, err := process.Pattern{PidFile: filepath.Join(n.Dir, "unbound.pid")}.Find()
	must(t, err)
	must(t, process.Kill(pids))
	f.until(n, "unbound was restarted", func(s console.Status) bool {
		return s.Services[0].Restarts == 1 && s.Services[0].State == "up" && len(s.Rules[0].Withdrawn)+len(s.Rules[1].Withdrawn) == 0
	})
}

// ask asks over UDP and TCP until what it returns is called. A question is asked
// three times, as resolvers do.
func (f *healthFarm) ask(t *testing.T) (stop func() (udp, tcp int64, failed []error)) {
	t.Helper()
	var done [2]atomic.Int64
	var mu sync.Mutex
	var failed []error
	var work sync.WaitGroup
	end := make(chan struct{})
	for i, network := range []string{"udp", "tcp"} {
		work.Go(func() {
			for {
				select {
				case <-end:
					return
				case <-time.After(5 * time.Millisecond):
				}
				var err error
				for range 3 {
					if err = f.question(network, "farm.test.", "192.0.2.7"); err == nil {
						break
					}
				}
				if done[i].Add(1); err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	return func() (int64, int64, []error) {
		close(end)
		work.Wait()
		return done[0].Load(), done[1].Load(), failed
	}
}

// question asks for a name's address once.
func (f *healthFarm) question(network, name, want string) error {
	conn, err := f.Client.Dial(f.Ctx, network, netip.AddrPort{}, netip.AddrPortFrom(lab.VIP(), 53))
	if err != nil {
		return fmt.Errorf("%s: %w", network, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
	c := &dns.Conn{Conn: conn}
	if err := c.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
		return fmt.Errorf("%s: %w", network, err)
	}
	answer, err := c.ReadMsg()
	if err != nil {
		return fmt.Errorf("%s: %w", network, err)
	}
	if len(answer.Answer) != 1 || !strings.HasSuffix(answer.Answer[0].String(), want) {
		return fmt.Errorf("%s: the answer is %v", network, answer)
	}
	return nil
}

// TestGatewayToIIS runs module iis-gateway on the nodes, and a stand-in for the
// server behind them: connections are kept over a drain, and a server that does not
// answer takes the rule away.
func TestGatewayToIIS(t *testing.T) {
	if !installed(t, "/usr/sbin/nft", "nftables") {
		return
	}
	m, err := modules.Find(modules.Own, "iis-gateway")
	must(t, err)
	served := false
	f := newServiceFarm(t, lab.Config{Clients: 2}, lab.FarmOptions{TCPPorts: []int{80, 443}, Affinity: "session", Forward: true}, func(f *testFarm, n *lab.Node) string {
		server := f.Clients[1]
		if !served {
			served = true
			_, err := server.StartHTTP(":80", nil)
			must(t, err)
			_, err = server.StartTCPEcho(":443")
			must(t, err)
		}
		must(t, runs(f, n, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"))
		r, err := m.Render(modules.Node{VIPs: []netip.Addr{lab.VIP()}, Interface: lab.Interface, Dir: n.Dir}, map[string]string{"server": server.Address.String()})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(n.Dir, "gateway.nft"), []byte(r.Files["gateway.nft"]), 0o600))
		services := r.Config[strings.Index(r.Config, "services:"):]
		return strings.Replace(services, "rules: [iis]", "rules: [web]", 1)
	})
	n := f.Nodes[0]
	var kept []net.Conn
	for range 16 {
		conn, err := f.Client.Dial(f.Ctx, "tcp", netip.AddrPort{}, netip.AddrPortFrom(lab.VIP(), 443))
		must(t, err)
		defer conn.Close()
		kept = append(kept, conn)
	}
	stop := f.visit(t)
	f.Thresher(n, "drain", "--deadline", "5s")
	for range 10 { // the node drains: these are what it waits for
		for i, conn := range kept {
			if err := echoed(conn); err != nil {
				t.Fatalf("connection %d of %d: %v", i, len(kept), err)
			}
		}
		f.Pass(100 * time.Millisecond)
	}
	for _, conn := range kept {
		conn.Close()
	}
	f.Thresher(n, "wait", "--state", "stopped", "--timeout", "30s")
	if err := runs(f.testFarm, n, "nft", "list", "table", "ip", "thresher_iis"); err == nil {
		t.Error("a stopped gateway translates")
	}
	f.Thresher(n, "start")
	f.Thresher(n, "wait", "--state", "up", "--timeout", "30s")
	f.Converge(f.Nodes...)
	got := stop()
	t.Logf("%d of %d requests failed: %v", len(got.failures), got.done, got.failures)
	if len(got.failures) > 0 || got.done < 100 {
		t.Errorf("%d of %d requests failed", len(got.failures), got.done)
	}
}

// echoed sends a line and has it back.
func echoed(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	line, back := []byte("is anybody there?\n"), make([]byte, 18)
	if _, err := conn.Write(line); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, back); err != nil {
		return err
	}
	if !bytes.Equal(line, back) {
		return fmt.Errorf("%q came back", back)
	}
	return nil
}

// runs runs a program on a node.
func runs(f *testFarm, n *lab.Node, name string, args ...string) error {
	if out, err := n.Run(f.Ctx, name, args...); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
