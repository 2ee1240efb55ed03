package pcapng

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"thresher/internal/leftout"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var when = time.Unix(1_800_000_000, 123_456_789)

// stream has packets of all paddings, and statistics.
func stream(t testing.TB) []byte {
	var out bytes.Buffer
	w, err := NewWriter(&out, "thresher", "eth0", 2048)
	must(t, err)
	for length := range 9 {
		must(t, w.Packet(Packet{
			Time: when.Add(time.Duration(length)), Data: bytes.Repeat([]byte{0xa5}, 60+length), Length: 100 + length,
			Comment: "verdict=drop reason=not_mine" + strings.Repeat("x", length),
		}))
	}
	must(t, w.Packet(Packet{Time: when, Data: make([]byte, 14), Length: 14}))
	must(t, w.Statistics(Statistics{Copied: 10, Lost: 1 << 40, Comment: "limited=1"}, when))
	return out.Bytes()
}

// TestGopacketReadsIt, which reads comments of interfaces alone.
func TestGopacketReadsIt(t *testing.T) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(stream(t)), pcapgo.NgReaderOptions{})
	must(t, err)
	for length := range 9 {
		data, info, err := r.ReadPacketData()
		must(t, err)
		if len(data) != 60+length || data[len(data)-1] != 0xa5 || info.Length != 100+length || !info.Timestamp.Equal(when.Add(time.Duration(length))) {
			t.Errorf("packet %d: %d of %d bytes at %v", length, len(data), info.Length, info.Timestamp)
		}
	}
	_, _, err = r.ReadPacketData()
	must(t, err)
	if _, _, err = r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	of, err := r.Interface(0)
	must(t, err)
	if of.Name != "eth0" || of.LinkType != layers.LinkTypeEthernet || of.SnapLength != 2048 || of.Statistics.Comment != "limited=1" {
		t.Errorf("interface %+v", of)
	}
}

// TestCommentsAreWhereTheyBelong: behind the packet's bytes, filled up to a multiple
// of four (draft-ietf-opsawg-pcapng-03, 3.5 and 4.3).
func TestCommentsAreWhereTheyBelong(t *testing.T) {
	r := bytes.NewReader(stream(t))
	for length := 0; length < 9; {
		b, err := ReadBlock(r, nil)
		must(t, err)
		if !b.IsPacket() {
			continue
		}
		comment := "verdict=drop reason=not_mine" + strings.Repeat("x", length)
		at := 28 + (60+length+3)/4*4
		if want := append([]byte{1, 0, byte(len(comment)), 0}, comment...); !bytes.HasPrefix(b[at:], want) {
			t.Errorf("packet %d: %q", length, b[at:])
		}
		length++
	}
}

// TestTsharkShowsTheComments, where there is a tshark.
func TestTsharkShowsTheComments(t *testing.T) {
	path, err := exec.LookPath("tshark")
	if err != nil {
		leftout.Skip(t, "tshark is not here: apt install tshark")
	}
	cmd := exec.Command(path, "-r", "-", "-T", "fields", "-e", "frame.comment")
	cmd.Stdin = bytes.NewReader(stream(t))
	out, err := cmd.Output()
	must(t, err)
	lines := strings.Split(string(out), "\n")
	for length := range 9 {
		if want := "verdict=drop reason=not_mine" + strings.Repeat("x", length); lines[length] != want {
			t.Errorf("tshark shows %q, not %q", lines[length], want)
		}
	}
}

// TestBlocks: what was written is read back, block by block, and a stream that was
// cut off says so.
func TestBlocks(t *testing.T) {
	whole := stream(t)
	var back []byte
	var packets int
	var last Statistics
	r := bytes.NewReader(whole)
	for buf := make([]byte, 128); ; {
		b, err := ReadBlock(r, buf)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		back = append(back, b...)
		if b.IsPacket() {
			packets++
		}
		if s, ok := b.Statistics(); ok {
			last = s
		}
	}
	if !bytes.Equal(back, whole) || packets != 10 || last != (Statistics{10, 1 << 40, "limited=1"}) {
		t.Errorf("%d of %d bytes, %d packets, %+v", len(back), len(whole), packets, last)
	}
	for cut := len(whole) - 1; cut > 0; cut-- {
		r := bytes.NewReader(whole[:cut])
		var err error
		for err == nil {
			_, err = ReadBlock(r, nil)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if _, err := ReadBlock(strings.NewReader(`{"code":"conflict"}`), nil); !errors.Is(err, ErrNoStream) {
		t.Errorf("what is no stream: %v", err)
	}
}

func FuzzReadBlock(f *testing.F) {
	f.Add(stream(f))
	f.Add([]byte{5, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		read := 0
		for {
			block, err := ReadBlock(r, nil)
			if err != nil {
				return
			}
			block.Statistics()
			if read += len(block); read > len(b) {
				t.Fatal("more than there is")
			}
		}
	})
}
