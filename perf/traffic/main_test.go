package traffic

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"thresher/internal/leftout"
	"thresher/perf/lab"
)

func TestMain(m *testing.M) {
	lab.BeEchoProcess()
	goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit))
}

// scene is a single server that holds the VIP, as a farm of one would, and its
// client.
type scene struct {
	*lab.Lab
	node   *lab.Node
	client *lab.Host
	echo   *lab.Service
	watch  *lab.Handshakes
}

const echoPort = 7

func newScene(t *testing.T) *scene {
	t.Helper()
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	l, err := lab.New(t.Context(), lab.Config{Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &scene{Lab: l, node: l.Nodes[0], client: l.Clients[0]}
	_, err = s.node.Run(within(t), "ip", "address", "add", lab.VIP().String()+"/32", "dev", lab.Interface)
	if err != nil {
		t.Fatal(err)
	}
	if s.echo, err = s.node.StartTCPEcho("0.0.0.0:" + strconv.Itoa(echoPort)); err != nil {
		t.Fatal(err)
	}
	if s.watch, err = s.client.WatchHandshakes(); err != nil {
		t.Fatal(err)
	}
	// So that no first SYN waits for ARP.
	if _, err := s.client.Run(within(t), "ping", "-c1", "-W3", lab.VIP().String()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) vip() netip.AddrPort { return netip.AddrPortFrom(lab.VIP(), echoPort) }

// port sets the node's port of the switch up or down.
func (s *scene) port(t *testing.T, up bool) {
	t.Helper()
	if err := s.PortUp(s.node.Host, up); err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// cpuTime is how much CPU a process has used (proc_pid_stat(5), fields 14 and 15,
// in ticks of 10 ms).
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
