package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"thresher/console/pcapng"
)

// threePackets come in two turns.
func threePackets() []Captured {
	packet := func(n byte) pcapng.Packet {
		return pcapng.Packet{Time: time.Unix(1_800_000_000, int64(n)), Data: bytes.Repeat([]byte{n}, 60), Length: 60, Comment: "verdict=drop reason=not_mine"}
	}
	return []Captured{
		{Packets: []pcapng.Packet{packet(1), packet(2)}, CaptureStats: CaptureStats{Copied: 2}},
		{Packets: []pcapng.Packet{packet(3)}, CaptureStats: CaptureStats{Copied: 3, Lost: 4, Limited: 1}},
	}
}

func TestCapture(t *testing.T) {
	f, log := &fakeFarm{captured: threePackets()}, NewLog(0)
	c, _ := startServer(t, f, log)
	o := CaptureOptions{Verdict: "drop", Reason: "not_mine", Rule: "web", Client: netip.MustParsePrefix("192.0.2.0/24"), Rate: 500, Snap: 64}
	var stream []byte
	stats, err := c.Capture(t.Context(), o, func(b pcapng.Block) error { stream = append(stream, b...); return nil })
	var ended *Error
	if !errors.As(err, &ended) || ended.Code != CodeUnreachable {
		t.Errorf("the daemon has ended it: %v", err)
	}
	if stats != (CaptureStats{3, 4, 1, 2}) {
		t.Errorf("statistics %+v", stats)
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(stream), pcapgo.NgReaderOptions{})
	must(t, err)
	for n := byte(1); n <= 3; n++ {
		data, info, err := r.ReadPacketData()
		must(t, err)
		if data[0] != n || info.Timestamp.Nanosecond() != int(n) {
			t.Errorf("packet %d: %x at %v", n, data, info.Timestamp)
		}
	}
	if _, _, err := r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last: %v", err)
	}
	const options = "--rate 500 --verdict drop --reason not_mine --rule web --client 192.0.2.0/24"
	if got := f.called(); !slices.Equal(got, []string{"capture " + options}) {
		t.Errorf("the farm was asked %v", got)
	}
	last := log.Since(0)[0]
	if last.Kind != KindAudit || !strings.HasSuffix(last.Message, "capture "+options) {
		t.Errorf("audit: %+v", last)
	}
}

// TestRefusedCapture: the reason comes as every other error, and is written down.
func TestRefusedCapture(t *testing.T) {
	log := NewLog(0)
	c, _ := startServer(t, &fakeFarm{err: &Error{Code: CodeConflict, Message: "busy"}}, log)
	_, err := c.Capture(t.Context(), CaptureOptions{Rate: 100, Snap: 64}, func(pcapng.Block) error { return nil })
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeConflict {
		t.Errorf("got %v", err)
	}
	if last := log.Since(0)[0]; last.Fields["failure"] == "" {
		t.Errorf("audit: %+v", last)
	}
	for _, bad := range []string{"rate=0", "rate=99", "rate=10001", "rate=x", "snap=63", "snap=2049", "client=x", "client=192.0.2.0/33", "client=fe80::1%25eth0", "count=1"} {
		if resp, body := request(t, c, "POST", "/v1/node/capture?"+bad, ""); resp.StatusCode != 400 {
			t.Errorf("%s: %s %s", bad, resp.Status, body)
		}
	}
}

// TestCaptureEndsWithItsClient, and with the server.
func TestCaptureEndsWithItsClient(t *testing.T) {
	f := &lastingCapture{fakeFarm: &fakeFarm{}, ended: make(chan struct{}, 1)}
	c, s := startServer(t, f, NewLog(0))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Capture(ctx, CaptureOptions{Rate: 100, Snap: 64}, func(b pcapng.Block) error {
		if b.IsPacket() {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	f.hasEnded(t)
	enough := errors.New("enough")
	if _, err := c.Capture(t.Context(), CaptureOptions{Rate: 100, Snap: 64}, func(pcapng.Block) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("had enough: %v", err)
	}
	f.hasEnded(t)
	first := true
	_, err = c.Capture(t.Context(), CaptureOptions{Rate: 100, Snap: 64}, func(b pcapng.Block) error {
		if first {
			go s.Shutdown(context.Background())
		}
		first = false
		return nil
	})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable {
		t.Errorf("shut down: %v", err)
	}
	f.hasEnded(t)
}

// lastingCapture goes on until it is to end.
type lastingCapture struct {
	*fakeFarm
	ended chan struct{}
}

func (f *lastingCapture) Capture(ctx context.Context, _ CaptureOptions, each func(Captured) error) error {
	defer func() { f.ended <- struct{}{} }()
	got := threePackets()[0]
	if err := each(Captured{}); err != nil {
		return err
	}
	if err := each(got); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *lastingCapture) hasEnded(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
	case <-time.After(testTimeout):
		t.Fatal("the capture goes on")
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.7/24": "192.0.2.0/24", "2001:db8::1": "2001:db8::1/128", "2001:db8::/32": "2001:db8::/32",
		"::ffff:192.0.2.7": "192.0.2.7/32", "0.0.0.0/0": "0.0.0.0/0",
	} {
		if got, err := ParseNetwork(text); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "web1", "192.0.2.0/33", "::ffff:192.0.2.0/120", "fe80::1%eth0"} {
		if got, err := ParseNetwork(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
