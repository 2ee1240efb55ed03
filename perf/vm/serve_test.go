package vm

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"thresher/perf/lab"
)

// uploadSize is 10 MiB.
const uploadSize = 10 << 20

// zeroCopy are the kernels whose virtio-net has it (since 6.13).
func zeroCopy(k Kernel) bool { return strings.HasPrefix(k.Release, "6.18") }

// TestServes runs a farm of one machine with native XDP at both ends of the
// offload levels: it answers ARP and HTTP, an upload arrives whole through AF_XDP
// and back into the stack, zero-copy is on where the kernel has it, and a
// connection outlives its daemon.
func TestServes(t *testing.T) {
	forKernels(t, nil, func(t *testing.T, k Kernel, o Options) {
		ctx, l := newLab(t, lab.Config{Nodes: 1})
		o.CPUs = 2
		n := boot(t, ctx, l, l.Nodes[0], o)
		client, key := l.Clients[0], newKey(t)
		for _, offload := range []string{"none", "full"} {
			t.Run(offload, func(t *testing.T) {
				n.t = t
				yaml, err := n.NodeConfig(lab.FarmOptions{Offload: offload, KeyFile: keyFile, TCPPorts: []int{80, 7}})
				must(t, err)
				n.start(yaml, key)
				s := serves(n)
				if d := s.Datapath; d.XDP != "native" || d.ZeroCopy != zeroCopy(k) || d.Queues != 1 {
					t.Errorf("XDP %s, zero-copy %t, %d queues; want native, %t, 1", d.XDP, d.ZeroCopy, d.Queues, zeroCopy(k))
				}
				out, err := n.Run(ctx, "/thresher", "check", "--config", n.ConfigFile())
				must(t, err)
				t.Logf("check:\n%s", out)
				answersARP(t, client)
				took := upload(t, ctx, client, uploadSize)
				t.Logf("zero-copy %t: %d bytes arrived whole in %v", s.Datapath.ZeroCopy, uploadSize, took.Round(time.Millisecond))
				after, err := n.status()
				must(t, err)
				if offload == "none" && after.Datapath.Asked < uploadSize/1500 {
					t.Errorf("%d packets came through AF_XDP, for %d bytes", after.Datapath.Asked, uploadSize)
				}
				outlivesDaemon(t, n, client)
			})
		}
	})
}

// answersARP forgets the VIP's address, asks for it, and for the server's name.
func answersARP(t *testing.T, client *lab.Host) {
	t.Helper()
	must(t, client.FlushNeighbours())
	body, err := visit(t.Context(), client)
	must(t, err)
	if body != "node1" {
		t.Errorf("the VIP answers %q", body)
	}
	mac, ok, err := client.Neighbour(lab.VIP())
	must(t, err)
	if want := vmac(); !ok || mac != want {
		t.Errorf("the VIP is at %v, %t, want the VMAC %v", mac, ok, want)
	}
}

// outlivesDaemon kills the daemon under a connection. The connection goes on, no
// new one is let in, and what was changed on the machine is undone afterwards.
func outlivesDaemon(t *testing.T, n *node, client *lab.Host) {
	t.Helper()
	conn, err := client.Dial(n.ctx, "tcp", netip.AddrPort{}, netip.AddrPortFrom(lab.VIP(), 7))
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	echo := func(i int) {
		t.Helper()
		want := fmt.Sprintf("echo %03d", i)
		_, err := io.WriteString(conn, want)
		must(t, err)
		got := make([]byte, len(want))
		_, err = io.ReadFull(conn, got)
		must(t, err)
		if string(got) != want {
			t.Fatalf("%q came back for %q", got, want)
		}
	}
	echo(0)
	must(t, n.Kill(n.ctx, n.daemon))
	// The lease of 0.6 s runs out meanwhile: what still passes is known by its
	// socket alone.
	for i := range 30 {
		echo(i)
		time.Sleep(100 * time.Millisecond)
	}
	if body, err := visit(t.Context(), client); err == nil {
		t.Errorf("without its daemon the node let a connection in: %q", body)
	}
	echo(999)
	_, err = n.Run(n.ctx, "/thresher", "clean", "--config", n.ConfigFile())
	must(t, err)
}
