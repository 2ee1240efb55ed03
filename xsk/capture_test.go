package xsk

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"thresher/pipeline"
)

const allReasons = math.MaxUint64

// newCapture is a program that takes all of rule 0, TCP to port 80, and a capture of
// it.
func newCapture(t *testing.T, f CaptureFilter, grant int) (*Program, *Capture) {
	t.Helper()
	newWire(t, 1)
	p := ownAll(t, func(r *Rules) {
		for v := range r.Udp.Rule[0] {
			r.Udp.Rule[0][v] = NoRule
		}
	})
	must(t, p.SetLease(math.MaxInt64))
	c, err := p.OpenCapture(f)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	must(t, c.Grant(grant))
	return p, c
}

// samples are all that is there; their data is kept.
func samples(t *testing.T, c *Capture) (all []Sample) {
	t.Helper()
	for {
		s, ok, err := c.Read()
		must(t, err)
		if !ok {
			return all
		}
		s.Data = bytes.Clone(s.Data)
		all = append(all, s)
	}
}

// TestCaptureCopiesFramesAsTheyCame: before the program has changed them.
func TestCaptureCopiesFramesAsTheyCame(t *testing.T) {
	p, c := newCapture(t, CaptureFilter{Reasons: allReasons, Rule: NoRule}, 100)
	for _, f := range []struct {
		frame  []byte
		reason pipeline.Reason
	}{
		{tcpTo(t, vip.MAC, "198.18.0.100"), pipeline.Accepted},
		{tcpTo(t, vip6.MAC, "2001:db8:1::100"), pipeline.Accepted},
		{udpTo(t, vip.MAC, "198.18.0.100"), pipeline.NoRule},
		{tcpTo(t, vip.MAC, "198.18.0.77"), pipeline.NotVIP},
		{append(tcpTo(t, vip.MAC, "198.18.0.100"), make([]byte, 1000)...), pipeline.Accepted},
		{append(tcpTo(t, vip.MAC, "198.18.0.100"), make([]byte, 2500)...), pipeline.Accepted},
		{solicitation(t, vip6.MAC, "2001:db8:1::100"), pipeline.AcceptedNeighbour},
	} {
		before := boottime(t)
		run(t, p, f.frame)
		got := samples(t, c)
		if len(got) != 1 {
			t.Fatalf("%s: %d copies", f.reason, len(got))
		}
		s := got[0]
		if s.Reason != uint8(f.reason) || s.Length != len(f.frame) || !bytes.Equal(s.Data, f.frame[:min(len(f.frame), sampleLen)]) {
			t.Errorf("%s, %d bytes: reason %s, %d bytes, %d copied:\n%x\n%x", f.reason, len(f.frame), pipeline.Reason(s.Reason), s.Length, len(s.Data), f.frame, s.Data)
		}
		if s.Time < before || s.Time > boottime(t) {
			t.Errorf("copied at %d, run at %d", s.Time, before)
		}
	}
}

// TestCaptureEndsWithItsGrant: nothing is copied without one, and no more than it
// says.
func TestCaptureEndsWithItsGrant(t *testing.T) {
	p, c := newCapture(t, CaptureFilter{Reasons: allReasons, Rule: NoRule}, 0)
	frame := tcpTo(t, vip.MAC, "198.18.0.100")
	for _, grant := range []int{0, 1, 3, 0} {
		must(t, c.Grant(grant))
		for range 5 {
			run(t, p, frame)
		}
		if got := len(samples(t, c)); got != grant {
			t.Errorf("%d copies, %d were granted", got, grant)
		}
		if used, err := c.UsedUp(); err != nil || !used {
			t.Errorf("with a grant of %d, 5 frames have used it up: %v, %v", grant, used, err)
		}
	}
	must(t, c.Close())
	run(t, p, frame) // with no ring
	again, err := p.OpenCapture(CaptureFilter{Reasons: allReasons, Rule: NoRule})
	must(t, err)
	must(t, again.Grant(1))
	run(t, p, frame)
	if got := len(samples(t, again)); got != 1 {
		t.Errorf("%d copies in another capture", got)
	}
	must(t, again.Close())
}

// TestCaptureCountsWhatIsLost, where nobody reads.
func TestCaptureCountsWhatIsLost(t *testing.T) {
	p, c := newCapture(t, CaptureFilter{Reasons: allReasons, Rule: NoRule}, CaptureBurst)
	frame := tcpTo(t, vip.MAC, "198.18.0.100")
	const rounds = 3
	for range rounds {
		must(t, c.Grant(math.MaxInt32))
		_, err := p.Benchmark(frame, CaptureBurst)
		must(t, err)
	}
	lost, err := c.Lost()
	must(t, err)
	if got := len(samples(t, c)); lost == 0 || got+int(lost) != rounds*CaptureBurst {
		t.Errorf("%d copies, %d lost, of %d", got, lost, rounds*CaptureBurst)
	}
}

func TestCaptureFilters(t *testing.T) {
	const accepted = 1 << pipeline.Accepted
	own, own6 := netip.PrefixFrom(clientIP.Addr(), 32), netip.PrefixFrom(clientIP6.Addr(), 128)
	frames := map[string][]byte{
		"tcp": tcpTo(t, vip.MAC, "198.18.0.100"), "tcp6": tcpTo(t, vip6.MAC, "2001:db8:1::100"),
		"udp": udpTo(t, vip.MAC, "198.18.0.100"), "stray": tcpTo(t, vip.MAC, "198.18.0.77"),
		"neighbour": solicitation(t, vip6.MAC, "2001:db8:1::100"),
	}
	p, first := newCapture(t, CaptureFilter{}, 0)
	must(t, first.Close())
	for name, f := range map[string]struct {
		filter CaptureFilter
		wanted []string
	}{
		"nothing":       {CaptureFilter{Rule: NoRule}, nil},
		"a verdict":     {CaptureFilter{Reasons: accepted, Rule: NoRule}, []string{"tcp", "tcp6"}},
		"a client":      {CaptureFilter{Reasons: allReasons, Client: own, Rule: NoRule}, []string{"tcp", "udp", "stray"}},
		"a client6":     {CaptureFilter{Reasons: allReasons, Client: own6, Rule: NoRule}, []string{"tcp6", "neighbour"}},
		"a network":     {CaptureFilter{Reasons: allReasons, Client: netip.MustParsePrefix("198.18.7.7/16"), Rule: NoRule}, []string{"tcp", "udp", "stray"}},
		"IPv4":          {CaptureFilter{Reasons: allReasons, Client: netip.MustParsePrefix("0.0.0.0/0"), Rule: NoRule}, []string{"tcp", "udp", "stray"}},
		"another":       {CaptureFilter{Reasons: allReasons, Client: netip.MustParsePrefix("198.19.0.0/16"), Rule: NoRule}, nil},
		"a rule":        {CaptureFilter{Reasons: allReasons, Rule: 0}, []string{"tcp", "tcp6"}},
		"another rule":  {CaptureFilter{Reasons: allReasons, Rule: 1}, nil},
		"all of it":     {CaptureFilter{Reasons: accepted, Client: own, Rule: 0}, []string{"tcp"}},
		"IPv6, a bit":   {CaptureFilter{Reasons: allReasons, Client: netip.MustParsePrefix("2000::/3"), Rule: NoRule}, []string{"tcp6", "neighbour"}},
		"IPv6, a piece": {CaptureFilter{Reasons: allReasons, Client: netip.MustParsePrefix("2001:db8:1::/65"), Rule: NoRule}, []string{"tcp6", "neighbour"}},
	} {
		c, err := p.OpenCapture(f.filter)
		must(t, err)
		for kind, frame := range frames {
			must(t, c.Grant(1))
			run(t, p, frame)
			want := 0
			for _, w := range f.wanted {
				if w == kind {
					want = 1
				}
			}
			if got := len(samples(t, c)); got != want {
				t.Errorf("%s: %d copies of %s, want %d", name, got, kind, want)
			}
		}
		must(t, c.Close())
	}
}

func FuzzParseSample(f *testing.F) {
	for _, size := range []int{0, sampleHeader - 1, sampleHeader, sampleHeader + 60, sampleHeader + sampleLen} {
		b := make([]byte, size)
		if size >= sampleHeader {
			binary.NativeEndian.PutUint32(b[8:], 60)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSample(b)
		if (err != nil) != (len(b) < sampleHeader) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err == nil && (len(s.Data) > s.Length || len(s.Data) > len(b)-sampleHeader) {
			t.Fatalf("%d bytes of data, %d of the frame, %d there", len(s.Data), s.Length, len(b))
		}
	})
}
