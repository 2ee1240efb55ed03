package farm_test

import (
	le "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/console/pcapng"
	"thresher/perf/lab"
)

// TestCaptureTellsWhoseAPacketIs: of every SYN, all nodes' captures say the same
// bucket and owner, and one node that it is the one.
func TestCaptureTellsWhoseAPacketIs(t *testing.T) {
	t.Parallel()
	for i, offload := range []string{"full", "none", "reject"} {
		if i > 1 && !*long {
			break
		}
		t.Run("offload "+offload, func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{TCPPorts: []int{80}, UDPPorts: []int{7}, Affinity: "session", Offload: offload})
			f.StartAll()
			f.Settle(f.Nodes...)
			const n = 400
			syns := f.syns(n, 200)
			shown := f.captured(n, func() {
				if _, err := f.Client.SendSYNs(f.Ctx, syns); err != nil {
					t.Error(err)
				}
			}, "--rate", "10000", "--rule", "web", "--client", lab.SYNRange().String())
			by := map[string]map[string]string{"full": {"pass": "kernel", "drop": "kernel"}, "reject": {"pass": "pipeline", "drop": "kernel"}, "none": {"pass": "pipeline", "drop": "pipeline"}}[offload]
			for _, from := range syns.From {
				passed := 0
				var places []string
				for _, node := range f.Nodes {
					c, ok := shown[node.Name][from]
					if !ok {
						continue // eventuallyCaptured says how many
					}
					verdict, _, _ := strings.Cut(strings.TrimPrefix(c, "verdict="), " ")
					_, place, _ := strings.Cut(c, " rule=")
					reason := map[string]string{"pass": "accepted", "drop": "not_mine"}[verdict]
					if want := fmt.Sprintf("verdict=%s reason=%s by=%s rule=web bucket=", verdict, reason, by[verdict]); !strings.HasPrefix(c, want) {
						t.Fatalf("%v on %s: %q, want %q", from, node.Name, c, want)
					}
					if mine := strings.HasSuffix(c, " owner="+node.Name); mine != (verdict == "pass") {
						t.Errorf("%v on %s: %q", from, node.Name, c)
					}
					if verdict == "pass" {
						passed++
					}
					places = append(places, place)
				}
				if len(places) == 2 && (places[0] != places[1] || passed != 1) {
					t.Errorf("%v: %v, let in by %d nodes", from, places, passed)
				}
			}
			f.whereAgrees(syns.From[0], shown[f.Nodes[0].Name][syns.From[0]])
		})
	}
}

// whereAgrees holds a comment against what the node says of the client.
func (f *testFarm) whereAgrees(client netip.AddrPort, comment string) {
	f.T.Helper()
	where := f.Thresher(f.Nodes[0], "where", client.String(), "--rule", "web", "--json")
	for name, key := range map[string]string{"owner=": `"node":"`, "bucket=": `"bucket":`} {
		_, value, _ := strings.Cut(comment, name)
		value, _, _ = strings.Cut(value, " ")
		if value == "" || !strings.Contains(where, key+value) {
			f.T.Errorf("capture: %q, where: %s", comment, where)
		}
	}
}

// captured captures on every node while something is done, until there are so many
// SYNs, and returns the comments of those by who has sent them.
func (f *testFarm) captured(syns int, during func(), filter ...string) map[string]map[netip.AddrPort]string {
	f.T.Helper()
	processes := make(map[string]*lab.Process)
	file := func(n *lab.Node) string { return filepath.Join(n.Dir, "capture.pcapng") }
	for _, n := range f.Nodes {
		args := append([]string{"--api", "unix://" + n.Socket(), "capture", "-w", file(n)}, filter...)
		p, err := n.Start(binary, args...)
		f.Must(err)
		processes[n.Name] = p
		f.Eventually(10*time.Second, "the capture has begun", func() bool {
			info, err := os.Stat(file(n))
			return err == nil && info.Size() > 0
		})
	}
	if said := f.refuses(f.Nodes[0], "capture", "-w", "-"); !strings.Contains(said, "being captured already") {
		f.T.Errorf("a second capture: %s", said)
	}
	during()
	f.eventuallyCaptured(syns, file)
	shown := make(map[string]map[netip.AddrPort]string)
	for _, n := range f.Nodes {
		// As Ctrl-C does.
		f.Must(processes[n.Name].Stop(f.Ctx))
		shown[n.Name] = f.readCapture(file(n))
		f.tsharkShows(file(n), len(shown[n.Name]))
	}
	// Another may begin.
	f.Thresher(f.Nodes[0], "capture", "-w", file(f.Nodes[0]), "--for", "200ms")
	return shown
}

// eventuallyCaptured waits until all files have nearly all SYNs: what a busy machine
// loses between the ends of a veth is not the capture's.
func (f *testFarm) eventuallyCaptured(syns int, file func(*lab.Node) string) {
	f.T.Helper()
	for _, n := range f.Nodes {
		f.Eventually(10*time.Second, "the capture of "+n.Name+" has nearly all SYNs", func() bool {
			return len(f.readCapture(file(n))) >= syns-syns/100
		})
	}
}

// readCapture reads the comments of the SYNs over IPv4 in a file that may grow.
func (f *testFarm) readCapture(file string) map[netip.AddrPort]string {
	f.T.Helper()
	in, err := os.Open(file)
	f.Must(err)
	defer in.Close()
	comments := make(map[netip.AddrPort]string)
	for {
		b, err := pcapng.ReadBlock(in, nil)
		if errors.Is(err, io.EOF) {
			return comments
		}
		f.Must(err)
		if !b.IsPacket() {
			continue
		}
		const data = 28 // draft-ietf-opsawg-pcapng-03, 4.3
		length := int(le.LittleEndian.Uint32(b[20:]))
		frame, options := b[data:data+length], b[data+(length+3)/4*4:]
		comment := string(options[4 : 4+int(options[2])+int(options[3])<<8])
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte(frame[26:])), uint16(frame[34])<<8|uint16(frame[35]))
		if flags := frame[47]; flags != 0x02 {
			continue // the client's reset of what it knows nothing of
		}
		comments[from] = comment
	}
}

// tsharkShows has tshark, where there is one, count the comments.
func (f *testFarm) tsharkShows(file string, least int) {
	f.T.Helper()
	path, err := exec.LookPath("tshark")
	if err != nil {
		return // package pcapng's test says that it was left out
	}
	out, err := exec.Command(path, "-r", file, "-T", "fields", "-e", "frame.comment").Output()
	f.Must(err)
	if n := strings.Count(string(out), "verdict="); n < least {
		f.T.Errorf("tshark shows %d comments of %d packets", n, least)
	}
}
