package arp

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"

	"thresher/internal/leftout"
	"thresher/internal/netnstest"
)

// segment is a node and a client on a wire between two network namespaces.
type segment struct {
	node, client *netnstest.NS
	nodeIf       *net.Interface
}

func newSegment(t *testing.T) *segment {
	s := &segment{node: netnstest.New(t), client: netnstest.New(t)}
	s.node.Veth(t, "eth0", s.client, "eth0", 1)
	s.client.Addr(t, "eth0", "192.0.2.7/24")
	s.node.Do(t, func() (err error) {
		s.nodeIf, err = net.InterfaceByName("eth0")
		return err
	})
	return s
}

// openNode gives the node its addresses and settings as the daemon does, and a
// running Responder. Serve must end without an error when the test does.
func (s *segment) openNode(t *testing.T, o Options) *Responder {
	t.Helper()
	s.node.Addr(t, "eth0", "192.0.2.11/24")
	s.node.Addr(t, "lo", vip.String()+"/32")
	var r *Responder
	s.node.Do(t, func() (err error) {
		for key, value := range map[string]string{"arp_ignore": "1", "arp_announce": "2"} {
			if err := os.WriteFile(filepath.Join("/proc/sys/net/ipv4/conf/eth0", key), []byte(value), 0); err != nil {
				return err
			}
		}
		r, err = Open(s.nodeIf, o)
		return err
	})
	return inService(t, r)
}

// inService runs a Responder until the test ends. Serve must end without an error
// then.
func inService(t *testing.T, r *Responder) *Responder {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, r.Close()); err != nil && !errors.Is(err, ErrGone) {
			t.Errorf("serve and close: %v", err)
		}
	})
	return r
}

// sniff opens a packet socket at the client for ARP.
func (s *segment) sniff(t *testing.T) *packet.Conn {
	t.Helper()
	filter, err := arpOnly()
	return s.listen(t, 0x0806, filter, err)
}

// listen opens a packet socket at the client, behind a filter that was made with
// that error.
func (s *segment) listen(t *testing.T, etherType int, filter []bpf.RawInstruction, err error) *packet.Conn {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var conn *packet.Conn
	s.client.Do(t, func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = packet.Listen(ifi, packet.Raw, etherType, &packet.Config{Filter: filter})
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// next reads the next ARP frame at the client that pick takes.
func next(t *testing.T, conn *packet.Conn, pick func(seen) bool) seen {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 256); ; {
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			t.Fatalf("no such frame reached the client: %v", err)
		}
		if s := parse(t, b[:n]); pick(s) {
			return s
		}
	}
}

// arping runs Debian's arping at the client, a program that is not ours.
func (s *segment) arping(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("arping"); err != nil {
		leftout.Skip(t, "the program arping is not installed")
	}
	var out []byte
	s.client.Do(t, func() error {
		out, _ = exec.Command("arping", args...).CombinedOutput() // it exits 1 without a reply
		return nil
	})
	return string(out)
}

// counted waits until a Responder has counted so many frames of a kind: it counts one
// when it has answered it, and the answer may be there before.
func counted(t *testing.T, r *Responder, kind Reason, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); r.Counters().Frames[kind] < want && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if c := r.Counters(); c.Frames[kind] != want {
		t.Errorf("%d times %v, want %d: %+v", c.Frames[kind], kind, want, c)
	}
}

// replyLine is how arping tells of a reply. The address in it is the reply's
// Ethernet source, so the payload's has to be seen in a capture.
var replyLine = regexp.MustCompile(`(?m)^\d+ bytes from ([0-9a-f:]{17})`)

func repliesIn(out string) (sources []string) {
	for _, m := range replyLine.FindAllStringSubmatch(out, -1) {
		sources = append(sources, m[1])
	}
	return sources
}
