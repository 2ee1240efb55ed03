package manual

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"thresher/perf/lab"
)

// machines are those of the pages: three nodes on one switch, and a client.
type machines struct {
	t   *testing.T
	lab *lab.Lab
	all map[string]*machine
	// token is what `thresher invite` printed last.
	token string
}

// machine is a host with files and a name of its own.
type machine struct {
	*lab.Host
	pid int // of a process that holds its namespaces
}

// newMachines builds them with the addresses that the pages have.
func newMachines(t *testing.T) *machines {
	t.Helper()
	l, err := lab.New(t.Context(), lab.Config{Nodes: 3})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	m := &machines{t: t, lab: l, all: make(map[string]*machine)}
	for i, n := range l.Nodes {
		name := fmt.Sprintf("web%d", i+1)
		m.add(name, n.Host, fmt.Sprintf("192.0.2.%d/24", 11+i))
		_, err := n.StartHTTP(":80", nil)
		must(t, err)
	}
	m.add("client", l.Clients[0], "192.0.2.7/24")
	m.putOthers("web1")
	return m
}

// putOthers gives a machine the configurations of other products that migration.md
// reads.
func (m *machines) putOthers(name string) {
	m.t.Helper()
	root, err := filepath.Abs("../../config/convert/testdata")
	must(m.t, err)
	for from, to := range map[string]string{
		"safekit/two.xml": "userconfig.xml", "nlb/params.txt": "params.txt",
		"clusterip/rules.v4": "/etc/iptables/rules.v4", "keepalived/nat.conf": "/etc/keepalived/keepalived.conf",
	} {
		// What this machine has below /etc is there as a link: it must not be written to.
		_, err := m.run(name, fmt.Sprintf("d=$(dirname %[2]s); if [ -L $d ]; then rm $d; fi; install -D %[1]s %[2]s", filepath.Join(root, from), to))
		must(m.t, err)
	}
}

func (m *machines) add(name string, h *lab.Host, address string) {
	m.t.Helper()
	ctx := m.t.Context()
	for _, args := range [][]string{{"address", "flush", "dev", lab.Interface}, {"address", "add", address, "dev", lab.Interface}} {
		_, err := h.Run(ctx, "ip", args...)
		must(m.t, err)
	}
	root, err := filepath.Abs("../..")
	must(m.t, err)
	ready, scratch := filepath.Join(h.Dir, "ready"), filepath.Join(h.Dir, "scratch")
	must(m.t, os.Mkdir(scratch, 0o700))
	p, err := h.Start("unshare", "--mount", "--uts", "bash", "-euc",
		`hostname "$1"; scratch=$2; source "$3/.ci/machine"; mkdir "$scratch/home"
ln -s "$4" /usr/local/bin/thresher; ln -s "$3/.ci/systemctl" /usr/local/bin/systemctl
touch "$5"; exec sleep infinity`, "bash", name, scratch, root, binary, ready)
	must(m.t, err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ready); err == nil {
			break
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s is not ready; it said: %s", name, p.Tail(2000))
		}
	}
	m.all[name] = &machine{h, p.Pid}
}

var token = regexp.MustCompile(`thr1-[A-Za-z0-9_-]+`)

// run runs a line of a page on a machine.
func (m *machines) run(name, text string) (string, error) {
	if m.token != "" {
		text = regexp.MustCompile(`thr1-…`).ReplaceAllString(text, m.token)
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*time.Minute)
	defer cancel()
	on, ok := m.all[name]
	if !ok {
		return "", fmt.Errorf("there is no machine %q", name)
	}
	home := filepath.Join(on.Dir, "scratch", "home")
	out, err := on.Run(ctx, "nsenter", "--target", strconv.Itoa(on.pid), "--mount", "--uts",
		"env", "HOME="+home, "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"bash", "-c", `cd "$HOME" && exec bash -c "$1" </dev/null`, "bash", text)
	if found := token.Find(out); found != nil {
		m.token = string(found)
	}
	return string(out), err
}
