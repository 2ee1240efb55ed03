package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/internal/leftout"
)

func TestNodesAndClientsReachOneAnother(t *testing.T) {
	l := newLab(t, Config{Nodes: 3, Clients: 2, ClientAddresses: 300, Queues: 2})
	for _, n := range l.Nodes {
		if _, err := n.StartHTTP("0.0.0.0:80", nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, client := range l.Clients {
		for _, from := range []netip.Addr{{}, client.Addresses[0], client.Addresses[299]} {
			for _, n := range l.Nodes {
				if got := get(t, client, from, "http://"+n.Address.String()+"/"); got != n.Name {
					t.Errorf("%s from %s: %s answered %q", client.Name, from, n.Name, got)
				}
			}
		}
	}
	for _, n := range l.Nodes {
		far := l.Clients[1].Addresses[299]
		ping(t, n.Host, far)
		// The neighbour table is too small for every address of every client.
		if mac, ok, err := n.Neighbour(far); err != nil || ok {
			t.Errorf("%s has a neighbour entry %v for %s, error %v", n.Name, mac, far, err)
		}
	}
}

func TestInterfacesAreAsConfigured(t *testing.T) {
	l := newLab(t, Config{Nodes: 1, Queues: 2, MTU: 3400})
	for _, end := range []struct {
		host *Host
		name string
	}{{l.Nodes[0].Host, Interface}, {l.Switch, "sw-n1"}} {
		link, err := end.host.links.LinkByName(end.name)
		if err != nil {
			t.Fatal(err)
		}
		a := link.Attrs()
		if got := []int{a.NumRxQueues, a.NumTxQueues, a.MTU}; !cmp.Equal(got, []int{2, 2, 3400}) {
			t.Errorf("%s has rx queues, tx queues, MTU %v, want 2, 2, 3400", end.name, got)
		}
		features, err := end.host.Run(within(t, 5*time.Second), "ethtool", "-k", end.name)
		if err != nil {
			t.Skipf("ethtool is needed to read offloads: %v", err)
		}
		for _, f := range []string{"tx-checksumming", "tx-tcp-segmentation", "generic-segmentation-offload",
			"generic-receive-offload", "rx-vlan-offload", "tx-vlan-offload"} {
			if !strings.Contains(string(features), f+": off") {
				t.Errorf("%s is not off on %s", f, end.name)
			}
		}
	}
}

func TestOffloadsCanBeLeftOn(t *testing.T) {
	l := newLab(t, Config{Nodes: 1, Offloads: Offloads{Checksum: true, Segmentation: true, GRO: true, VLAN: true}})
	features, err := l.Nodes[0].Run(within(t, 5*time.Second), "ethtool", "-k", Interface)
	if err != nil {
		t.Skipf("ethtool is needed to read offloads: %v", err)
	}
	for _, f := range []string{"tx-checksumming", "tx-tcp-segmentation", "generic-segmentation-offload",
		"generic-receive-offload", "rx-vlan-offload", "tx-vlan-offload"} {
		if !strings.Contains(string(features), f+": on") {
			t.Errorf("%s is not on", f)
		}
	}
}

func TestEveryNodeGetsFramesToAnUnknownAddress(t *testing.T) {
	l := newLab(t, Config{Nodes: 2})
	var captures []*Capture
	for _, n := range l.Nodes {
		c, err := n.Capture(SYNSources(1)[0].Addr())
		if err != nil {
			t.Fatal(err)
		}
		captures = append(captures, c)
	}
	vmac := [6]byte{0x5a, 0xfe, 198, 18, 0, 100}
	if _, err := l.Clients[0].SendSYNs(t.Context(), SYNs{To: vipPort(80), MAC: vmac, From: SYNSources(1)}); err != nil {
		t.Fatal(err)
	}
	for i, c := range captures {
		eventually(t, l.Nodes[i].Name+" sees the frame", func() bool { return len(c.Answers(Segment)) == 1 })
	}
}

func TestNewStopsWhenItsContextEnds(t *testing.T) {
	if err := Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx, Config{Nodes: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if left := ownDirs(t); len(left) > 0 {
		t.Errorf("directories left behind: %v", left)
	}
}

func TestUseAfterClose(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	n := l.Nodes[0]
	for name, use := range map[string]func() error{
		"Do":        func() error { return n.Do(func() error { return nil }) },
		"Start":     func() error { _, err := n.Start("true"); return err },
		"Run":       func() error { _, err := n.Run(t.Context(), "true"); return err },
		"Listen":    func() error { _, err := n.Listen("tcp", ":0"); return err },
		"StartHTTP": func() error { _, err := n.StartHTTP(":0", nil); return err },
		"Capture":   func() error { _, err := n.Capture(); return err },
	} {
		if err := use(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: error %v, want %v", name, err, ErrClosed)
		}
	}
}

func TestDoReturnsWhenTheFunctionEndsItsGoroutine(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	if err := l.Nodes[0].Do(func() error { runtime.Goexit(); return nil }); !errors.Is(err, errGoexit) {
		t.Errorf("error %v, want %v", err, errGoexit)
	}
}

func TestUDPEchoAnswersFromTheAddressAsked(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	holdVIP(t, l.Nodes[0])
	if _, err := l.Nodes[0].StartUDPEcho("0.0.0.0:53"); err != nil {
		t.Fatal(err)
	}
	// A connected socket takes answers from the VIP only.
	conn, err := l.Clients[0].Dial(t.Context(), "udp", netip.AddrPort{}, vipPort(53))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := ask(t, conn, "hello"); got != "hello" {
		t.Errorf("echo %q, want hello", got)
	}
}

func ask(t *testing.T, conn net.Conn, question string) string {
	t.Helper()
	buf := make([]byte, 100)
	err := conn.SetDeadline(time.Now().Add(5 * time.Second))
	if err == nil {
		_, err = conn.Write([]byte(question))
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// get asks a web server and returns its answer's body.
func get(t *testing.T, client *Host, from netip.Addr, url string) string {
	t.Helper()
	answer, err := client.HTTPClient(from).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// ownDirs lists the lab directories of this process.
func ownDirs(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(dirPattern())
	if err != nil {
		t.Fatal(err)
	}
	return all
}
