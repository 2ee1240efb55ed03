package farm_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
	"thresher/perf/lab"
)

const unitFile = "../deploy/thresher.service"

// setting is the value of a setting of the shipped unit.
func setting(t *testing.T, key string) string {
	t.Helper()
	unit, err := os.ReadFile(unitFile)
	must(t, err)
	m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindSubmatch(unit)
	if m == nil {
		t.Fatalf("%s has no %s", unitFile, key)
	}
	return string(m[1])
}

// confined is the command that runs another with the unit's CapabilityBoundingSet,
// LimitCORE and LimitMEMLOCK. Where this process may not lift the limit, CAP_IPC_LOCK stands in
// for it: the kernel asks for one or the other (xdp_umem_account_pages in
// net/xdp/xdp_umem.c).
func confined(t *testing.T) []string {
	bounding := "--bounding-set=-all"
	for _, c := range strings.Fields(setting(t, "CapabilityBoundingSet")) {
		bounding += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	core := "--core=" + setting(t, "LimitCORE")
	limit := "--memlock=" + strings.ReplaceAll(setting(t, "LimitMEMLOCK"), "infinity", "unlimited")
	if err := exec.Command("prlimit", limit, "true").Run(); err != nil {
		t.Logf("%s can't be set here: CAP_IPC_LOCK stands in for it", limit)
		return []string{"prlimit", core, "setpriv", "--no-new-privs", "--inh-caps=-all", bounding + ",+ipc_lock"}
	}
	return []string{"prlimit", core, limit, "setpriv", "--no-new-privs", "--inh-caps=-all", bounding}
}

// unitRights are CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON and CAP_BPF.
const unitRights = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_PERFMON | 1<<unix.CAP_BPF

// rights are those that a process has in effect, but for CAP_IPC_LOCK.
func rights(t *testing.T, pid int) uint64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	m := regexp.MustCompile(`(?m)^CapEff:\t([0-9a-f]+)$`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no CapEff in\n%s", status)
	}
	all, err := strconv.ParseUint(string(m[1]), 16, 64)
	must(t, err)
	return all &^ (1 << unix.CAP_IPC_LOCK)
}

// managed is a node whose daemon runs with the rights of the shipped unit, and with
// this test as its service manager.
type managed struct {
	*testFarm
	node *lab.Node
	told net.PacketConn
}

func newManaged(t *testing.T, o lab.FarmOptions) *managed {
	if _, err := exec.LookPath("setpriv"); err != nil {
		leftout.Skip(t, "setpriv (util-linux) is not installed")
	}
	m := &managed{testFarm: newFarm(t, lab.Config{Nodes: 1}, o)}
	m.node = m.Nodes[0]
	var err error
	m.told, err = net.ListenPacket("unixgram", filepath.Join(m.node.Dir, "notify"))
	must(t, err)
	t.Cleanup(func() { _ = m.told.Close() })
	return m
}

// start starts the daemon; a watchdog of 3 s waits for it.
func (m *managed) start(t *testing.T) {
	t.Helper()
	yaml, err := m.node.NodeConfig(m.Options)
	must(t, err)
	must(t, os.WriteFile(m.node.ConfigFile(), []byte(yaml), 0o600))
	command := append(confined(t), binary, "run", "--config", m.node.ConfigFile())
	p, err := m.node.StartWith(lab.ProcessOptions{Env: append(os.Environ(),
		"NOTIFY_SOCKET="+m.told.LocalAddr().String(), "WATCHDOG_USEC=3000000")}, command[0], command[1:]...)
	must(t, err)
	m.Daemons[m.node.Name] = p
}

// hears waits for a message to the service manager that begins like that.
func (m *managed) hears(t *testing.T, prefix string) {
	t.Helper()
	var seen []string
	must(t, m.told.SetReadDeadline(time.Now().Add(20*time.Second)))
	for b := make([]byte, 4096); ; {
		n, _, err := m.told.ReadFrom(b)
		if err != nil {
			t.Fatalf("no %s but %q: %v", prefix, seen, err)
		}
		if strings.HasPrefix(string(b[:n]), prefix) {
			return
		}
		seen = append(seen, string(b[:n]))
	}
}

// TestRightsOfTheUnit runs a daemon with exactly the rights of the shipped unit
// through its life: it serves, restarts in place, crashes and comes back, and leaves
// the machine as it was. Its service manager hears of it.
func TestRightsOfTheUnit(t *testing.T) {
	t.Parallel()
	for _, offload := range []string{"full", "none"} {
		t.Run(offload, func(t *testing.T) {
			m := newManaged(t, lab.FarmOptions{Offload: offload})
			n := m.node
			_, err := n.StartHTTP(":80", nil)
			must(t, err)
			before := m.state(n)
			m.start(t)
			m.hears(t, "READY=1")
			m.Converge(n)
			m.hears(t, "STATUS="+n.Name+" is up, 1 of 1 nodes up")
			m.hears(t, "WATCHDOG=1")
			if got := rights(t, m.Daemons[n.Name].Pid); got != unitRights {
				t.Errorf("the daemon has the rights %#x and not %#x", got, uint64(unitRights))
			}
			m.answers(t)
			ended := m.beginsCapture(t)
			m.reload(t)
			m.hears(t, "READY=1")
			m.hears(t, "WATCHDOG=1")
			m.answers(t)
			ended("a restart")

			ended = m.beginsCapture(t)
			m.Kill(n)
			ended("a crash")
			m.start(t)
			m.hears(t, "STATUS="+n.Name+" is up")
			m.answers(t)
			must(t, m.Daemons[n.Name].Stop(m.Ctx))
			m.hears(t, "STOPPING=1")
			if after := m.state(n); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestCrashIsNoWrongConfiguration: the unit has a daemon that says by its exit code that
// the configuration is wrong stay down. One that crashes, or that the watchdog ends by
// SIGABRT, must not look like it.
func TestCrashIsNoWrongConfiguration(t *testing.T) {
	t.Parallel()
	if got, want := setting(t, "RestartPreventExitStatus"), "2"; got != want {
		t.Errorf("RestartPreventExitStatus=%s, want %s", got, want)
	}
	m := newManaged(t, lab.FarmOptions{})
	m.start(t)
	m.hears(t, "READY=1")
	daemon := m.Daemons[m.node.Name]
	must(t, daemon.Signal(unix.SIGABRT))
	var end *exec.ExitError
	if err := daemon.Wait(); !errors.As(err, &end) {
		t.Fatal(err)
	}
	if status := end.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGABRT {
		t.Errorf("the daemon ended with %v, want %v", end, unix.SIGABRT)
	}
}

// beginsCapture begins one that is to end with the daemon's process, and returns what
// waits for that.
func (m *managed) beginsCapture(t *testing.T) (ended func(by string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "capture.pcapng")
	p, err := m.node.Start(binary, "--api", "unix://"+m.node.Socket(), "capture", "-w", file)
	must(t, err)
	m.Eventually(10*time.Second, "the capture has begun", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 0
	})
	return func(by string) {
		t.Helper()
		select {
		case <-p.Done():
		case <-time.After(10 * time.Second):
			t.Fatalf("after %s, the capture goes on", by)
		}
		if said := p.Tail(1000); !strings.Contains(said, "packets written") || !strings.Contains(said, "ended the capture") {
			t.Errorf("after %s, the capture says %q", by, said)
		}
	}
}

// reload does what `systemctl reload` does with the shipped unit.
func (m *managed) reload(t *testing.T) {
	t.Helper()
	unit, err := os.ReadFile(unitFile)
	must(t, err)
	commands := regexp.MustCompile(`(?m)^ExecReload=/usr/bin/thresher (.*)$`).FindAllSubmatch(unit, -1)
	if len(commands) == 0 {
		t.Fatalf("%s has no ExecReload", unitFile)
	}
	for _, c := range commands {
		if out, err := m.node.CLI(m.Ctx, binary, strings.Fields(string(c[1]))...); err != nil {
			t.Fatalf("%s: %v\n%s", c[1], err, out)
		}
	}
}

// answers makes sure that the VIP answers requests.
func (m *managed) answers(t *testing.T) {
	t.Helper()
	for range 5 {
		if out, err := m.Client.Run(m.Ctx, "curl", "-sSf", "--max-time", "5", "http://"+lab.VIP().String()+"/"); err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, m.Daemons[m.node.Name].Tail(3000))
		}
	}
}

// TestUnitIsHardened has systemd judge what the shipped units leave open.
func TestUnitIsHardened(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		leftout.Skip(t, "systemd-analyze is not installed")
	}
	for _, unit := range []string{unitFile, "../deploy/thresher@.service"} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=29", "--no-pager", unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
	}
}

// TestUnitsAgree: the unit of one farm and that of several differ in names alone.
func TestUnitsAgree(t *testing.T) {
	one, err := os.ReadFile(unitFile)
	must(t, err)
	several, err := os.ReadFile("../deploy/thresher@.service")
	must(t, err)
	plain := func(unit []byte) (kept []string) {
		for line := range strings.Lines(string(unit)) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' || strings.HasPrefix(line, "Environment=") || strings.HasPrefix(line, "Description=") {
				continue
			}
			line = strings.NewReplacer("/etc/thresher/%i.yaml", "/etc/thresher/thresher.yaml", "thresher-%i", "thresher").Replace(line)
			kept = append(kept, line)
		}
		return kept
	}
	a, b := plain(one), plain(several)
	if strings.Join(a, "\n") != strings.Join(b, "\n") {
		t.Errorf("one:\n%s\nseveral:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}
