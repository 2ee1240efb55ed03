package farm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"thresher/config"
	"thresher/internal/farmtest"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// TestFarmServes is the whole slice: three nginx behind the VIP, and every kind
// of client, while the switch's table is watched.
func TestFarmServes(t *testing.T) {
	for i, c := range inForm(floodRuns("ipv4")) {
		queues := 1 + i%2
		t.Run(fmt.Sprintf("%v, %d queues", c, queues), func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 3, Queues: queues, ClientAddresses: 64}, lab.FarmOptions{
				TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session", XDP: c.xdp, Offload: c.offload,
			})
			f.startServers()
			learnt, err := f.RecordFDB()
			must(t, err)
			f.StartAll()
			t.Run("syn", f.synsAnsweredOnce)
			t.Run("curl", f.transfersWhole)
			t.Run("wrk", f.wrkWithoutErrors)
			t.Run("udp", f.datagramsAnsweredOnce)
			t.Run("ping", f.pingWithoutDuplicates)
			t.Run("arping", f.arpingOnce)
			if ports, err := learnt.Ports(f.VMAC()); err != nil || len(ports) > 0 {
				t.Errorf("the switch learnt the VMAC on ports %v (%v)", ports, err)
			}
		})
	}
}

// startServers starts nginx and an echo server for UDP on every node.
func (f *testFarm) startServers() {
	f.T.Helper()
	for _, n := range f.Nodes {
		_, err := n.StartNginx()
		must(f.T, err)
		_, err = n.StartUDPEcho(":7")
		must(f.T, err)
	}
}

func (f *testFarm) synsAnsweredOnce(t *testing.T) { f.synsOnce(t, 10_000, time.Second) }

// synsOnce sends so many SYNs, and waits until it is quiet for so long.
func (f *testFarm) synsOnce(t *testing.T, n int, quiet time.Duration) {
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.syns(n, 5000))
	must(t, err)
	must(t, c.Settle(f.Ctx, quiet))
	farmtest.OnePerSYN(t, c, sent)
	perNode := make(map[config.MAC]int)
	for _, sources := range c.Answers(lab.SYNACK) {
		for mac := range sources {
			perNode[mac]++
		}
	}
	for _, node := range f.Nodes {
		// Five times the standard deviation of 2,000 draws: the hash key is another in each farm.
		if part := float64(perNode[node.MAC]) / float64(n); part < 0.28 || part > 0.39 {
			t.Errorf("%s answered %.1f %% of the SYNs", node.Name, 100*part)
		}
	}
}

// transfersWhole moves 10 MB in each direction by curl, to every node.
func (f *testFarm) transfersWhole(t *testing.T) {
	ctx, cancel := context.WithTimeout(f.Ctx, time.Minute)
	defer cancel()
	want, err := io.ReadAll(lab.Download())
	must(t, err)
	url := f.url()
	upload := filepath.Join(f.Dir, "upload")
	out, err := f.Client.Run(ctx, "curl", "-sS", "-f", "-o", upload, url+"/10m")
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	if got := sha256File(t, upload); got != sha256.Sum256(want) {
		t.Error("the download is not the file")
	}
	out, err = f.Client.Run(ctx, "curl", "-sS", "-f", "-T", upload, url+"/upload/file")
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	for _, n := range f.Nodes {
		stored := filepath.Join(n.UploadDir(), "file")
		if _, err := os.Stat(stored); err != nil {
			continue
		}
		if sha256File(t, stored) != sha256.Sum256(want) {
			t.Errorf("the upload at %s is not the file", n.Name)
		}
		must(t, os.Remove(stored))
		return
	}
	t.Error("no node has the upload")
}

// wrkWithoutErrors holds 64 connections open for a while.
func (f *testFarm) wrkWithoutErrors(t *testing.T) {
	lookFor(t, "wrk")
	out, err := f.Client.Run(f.Ctx, "wrk", "-t2", "-c64", fmt.Sprintf("-d%d", short(1, 3)), f.url()+"/")
	if err != nil {
		t.Fatalf("wrk: %v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("Requests/sec")) || bytes.Contains(out, []byte("Socket errors")) || bytes.Contains(out, []byte("Non-2xx")) {
		t.Errorf("wrk met errors:\n%s", out)
	}
}

func (f *testFarm) datagramsAnsweredOnce(t *testing.T) { f.datagramsOnce(t, 500, 4) }

// datagramsOnce sends n datagrams of so many bytes.
func (f *testFarm) datagramsOnce(t *testing.T, n, size int) {
	c := f.Capture()
	defer c.Close()
	for i := range n {
		from := netip.AddrPortFrom(f.clientAddress(i), uint16(10000+i))
		conn, err := f.Client.Dial(f.Ctx, "udp", from, netip.AddrPortFrom(f.to(), 7))
		must(t, err)
		question, answer := bytes.Repeat([]byte{byte(i)}, size), make([]byte, size+1)
		_, err = conn.Write(question)
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(2*time.Second)))
		if got, err := conn.Read(answer); err != nil || !bytes.Equal(answer[:got], question) {
			t.Errorf("datagram %d of %d bytes: %d bytes came back, %v", i, size, got, err)
		}
		must(t, conn.Close())
	}
	must(t, c.Settle(f.Ctx, 300*time.Millisecond))
	must(t, c.Check())
	answers := 0
	for flow, sources := range c.Answers(lab.Datagram) {
		for _, times := range sources {
			answers += times
		}
		if len(sources) != 1 {
			t.Errorf("%v was answered by %d nodes", flow, len(sources))
		}
	}
	if answers != n {
		t.Errorf("%d answers to %d datagrams", answers, n)
	}
}

// pingWithoutDuplicates sends one ping more than it looks for: ping(8) waits for the
// answer to its last for two round trips only.
func (f *testFarm) pingWithoutDuplicates(t *testing.T) {
	for i := range 8 {
		from := f.clientAddress(i)
		out, err := f.Client.Run(f.Ctx, "ping", "-c", "6", "-i", "0.05", "-W", "2", "-I", from.String(), f.to().String())
		for seq := range 5 {
			if n := bytes.Count(out, fmt.Appendf(nil, "icmp_seq=%d ", seq+1)); n != 1 {
				t.Errorf("ping %d from %s has %d answers, %v\n%s", seq+1, from, n, err, out)
			}
		}
	}
}

// arpingOnce asks as a machine does that does not know the VIP yet.
func (f *testFarm) arpingOnce(t *testing.T) { f.arpings(t, 5) }

func (f *testFarm) arpings(t *testing.T, n int) {
	c := f.Capture()
	defer c.Close()
	out, err := f.Client.Run(f.Ctx, "arping", "-c", fmt.Sprint(n), "-W", "0.2", "-i", lab.Interface, lab.VIP().String())
	if err != nil {
		t.Fatalf("arping: %v\n%s", err, out)
	}
	must(t, c.Settle(f.Ctx, 300*time.Millisecond))
	must(t, c.Check())
	onWire := 0
	for reply, sources := range c.Answers(lab.ARPReply) {
		if reply.Claimed() != f.VMAC() {
			t.Errorf("arping was told %v, want %v", reply.Claimed(), f.VMAC())
		}
		for source, times := range sources {
			onWire += times
			if source == f.VMAC() {
				t.Error("an ARP reply came from the VMAC: the switch would learn it")
			}
		}
	}
	if seen := bytes.Count(out, []byte("bytes from")); seen != n || onWire != n {
		t.Errorf("%d requests: arping saw %d replies, the wire %d\n%s", n, seen, onWire, out)
	}
}

func lookFor(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		leftout.Skip(t, program+" is not installed")
	}
}
