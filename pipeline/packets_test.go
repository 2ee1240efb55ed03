package pipeline

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"thresher/internal/golden"
)

// named is a packet that has a name: most have one field broken, or odd.
type named struct {
	name  string
	frame interface{ bytes(testing.TB) []byte }
	want  Reason // of a node that has every bucket
}

// built is a frame that needs no building any more.
type built []byte

func (b built) bytes(testing.TB) []byte { return bytes.Clone(b) }

func packets(t testing.TB) (all []named) {
	for family, list := range map[string][]named{"ipv4": packets4(), "ipv6": packets6(), "vlan": packetsTagged(t)} {
		for _, p := range list {
			p.name = family + ": " + p.name
			all = append(all, p)
		}
	}
	return all
}

func TestJudgePackets(t *testing.T) {
	table := testTable(t, true)
	for _, p := range packets(t) {
		b := p.frame.bytes(t)
		before := bytes.Clone(b)
		if got := table.Judge(b, Facts{}, goodLease); got != p.want {
			t.Errorf("%s: %s, want %s: %x", p.name, got, p.want, b)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%s: judging changed the frame", p.name)
		}
	}
}

// TestPacketsAreWritten: the packets are in a file as well, for the kernel program
// (farm, TestKernelJudgesPackets): name, reason, frame.
func TestPacketsAreWritten(t *testing.T) {
	var lines []string
	for _, p := range packets(t) {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\n", p.name, p.want, hex.EncodeToString(p.frame.bytes(t))))
	}
	slices.Sort(lines)
	golden.Compare(t, "testdata/packets.txt", strings.Join(lines, ""))
}
