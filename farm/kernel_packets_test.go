package farm

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
	"testing"

	"thresher/config"
	"thresher/pipeline"
)

// namedPacket is one of the packets that package pipeline's tests have by name.
type namedPacket struct {
	name, reason string
	frame        []byte
}

// namedPackets reads what pipeline's TestPacketsAreWritten writes.
func namedPackets(t *testing.T) (all []namedPacket) {
	t.Helper()
	file, err := os.Open("../pipeline/testdata/packets.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 3 {
			t.Fatalf("not name, reason, frame: %q", lines.Text())
		}
		frame, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatalf("%s: %v", fields[0], err)
		}
		all = append(all, namedPacket{fields[0], fields[1], frame})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// namedFarm is the configuration that the packets are for, as in pipeline's tests.
func namedFarm() ([]config.VIP, []config.Rule) {
	vip := func(address string, mac config.MAC) config.VIP {
		return config.VIP{Address: netip.MustParseAddr(address), Mode: config.Flood, MAC: mac}
	}
	second := vip("192.0.2.101", config.MAC{0x5a, 0xfe, 192, 0, 2, 101})
	vips := []config.VIP{
		vip("192.0.2.100", config.MAC{0x5a, 0xfe, 192, 0, 2, 100}), second,
		vip("2001:db8::100", config.MAC{0x5a, 0xfe, 0, 0, 1, 0}),
	}
	return vips, []config.Rule{
		{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}, {First: 8000, Last: 8010}}, Affinity: config.Session},
		{Name: "mail", Protocol: config.TCP, VIPs: []netip.Addr{second.Address}, Ports: []config.PortRange{{First: 25, Last: 25}}, Affinity: config.Client},
		{Name: "dns", Protocol: config.UDP, Ports: []config.PortRange{{First: 53, Last: 53}}, Affinity: config.Client},
	}
}

// TestKernelJudgesPackets runs each packet that has a name through the real program, at
// each offload level: the verdict, the bytes that come out and the counter are those of
// the reason that the file names.
func TestKernelJudgesPackets(t *testing.T) {
	t.Parallel()
	packets := namedPackets(t)
	if len(packets) < 150 {
		t.Fatalf("%d packets", len(packets))
	}
	vips, rules := namedFarm()
	everything := &pipeline.Part{}
	for b := range pipeline.Buckets {
		everything.Mine.Set(uint16(b))
	}
	share := &pipeline.Share{Rules: []*pipeline.Part{everything, everything, everything}, Echo: everything}
	for _, offload := range []config.Offload{config.OffloadFull, config.OffloadReject, config.OffloadNone} {
		k := newKernel(t, offload, vips, rules, share, unchanged)
		k.out = make([]byte, 4096) // one has two kilobytes of options
		run := 0
		for _, p := range packets {
			if got := k.table.Judge(p.frame, pipeline.Facts{}, k.now()).String(); got != p.reason {
				t.Errorf("%s: the pipeline says %s, want %s", p.name, got, p.reason)
			}
			if len(p.frame) < 14 {
				continue // the kernel runs no program on less than an Ethernet header
			}
			run++
			if err := k.differs(p.frame); err != nil {
				t.Errorf("%s, offload %s: %v", p.name, offload, err)
			}
			if err := k.counted(); err != nil {
				t.Fatalf("%s, offload %s: %v", p.name, offload, err)
			}
		}
		if run < 150 {
			t.Errorf("only %d packets could be run", run)
		}
	}
}
