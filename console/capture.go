package console

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"thresher/console/pcapng"
)

// The bounds of a capture.
const (
	// MaxCaptureRate is how many packets a second it may copy, MinCaptureRate how few,
	// and DefaultCaptureRate how many it does.
	MaxCaptureRate, MinCaptureRate, DefaultCaptureRate = 10_000, 100, 1000
	// MaxCaptureSnap is how many bytes of a packet there are, MinCaptureSnap how many
	// there must be.
	MaxCaptureSnap, MinCaptureSnap = 2048, 64
	// captureStall is how long a client may take for what it is sent at once.
	captureStall = 10 * time.Second
)

// captureType is the media type of a pcapng stream: there is no registered one.
const captureType = "application/x-pcapng"

// CaptureOptions say which packets are copied.
type CaptureOptions struct {
	// Verdict is pass, drop, forward or hold, or ask for what the kernel program left to the
	// pipeline; empty for all.
	Verdict string
	// Reason is a counter's name; empty for all.
	Reason string
	// Rule is that of TCP and UDP packets; empty for all, and for those under none.
	Rule string
	// Client is the senders' network; the zero Prefix for all.
	Client netip.Prefix
	// Rate is how many packets a second may be copied, by the kernel program and by the
	// pipeline each.
	Rate int
	// Snap is how many bytes of a packet are kept.
	Snap int
}

// Captured are packets that were copied, oldest first, and how it has gone so far.
type Captured struct {
	Packets []pcapng.Packet
	CaptureStats
}

// CaptureStats say what a capture lacks.
type CaptureStats struct {
	// Copied packets are those of the capture, Lost ones had no room.
	Copied, Lost uint64
	// Limited is in how many of Turns the rate was reached: packets there may be
	// missing.
	Limited, Turns uint64
}

// limits is how CaptureStats are told in a stream.
const limits = "limited=%d turns=%d"

// captureOptions reads them from a request.
func captureOptions(r *http.Request) (o CaptureOptions, err error) {
	q, err := parameters(r, "verdict", "reason", "rule", "client", "rate", "snap")
	if err != nil {
		return o, err
	}
	o = CaptureOptions{Verdict: q.Get("verdict"), Reason: q.Get("reason"), Rule: q.Get("rule")}
	if text := q.Get("client"); text != "" {
		if o.Client, err = ParseNetwork(text); err != nil {
			return o, err
		}
	}
	if o.Rate, err = q.within("rate", DefaultCaptureRate, MinCaptureRate, MaxCaptureRate); err != nil {
		return o, err
	}
	o.Snap, err = q.within("snap", MaxCaptureSnap, MinCaptureSnap, MaxCaptureSnap)
	return o, err
}

// within returns a number within bounds; usual if it is not there.
func (q query) within(name string, usual, low, high int) (int, error) {
	if !q.Has(name) {
		return usual, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < low || n > high {
		return 0, badRequest(fmt.Sprintf("write a number from %d to %d", low, high), "%s %q is not a number in range", name, q.Get(name))
	}
	return n, nil
}

// ParseNetwork reads a network of clients as people write it: ADDR/BITS, or the
// address of one.
func ParseNetwork(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil && !p.Addr().Is4In6() {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, badRequest("write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32", "client %q is no address and no network", text)
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// capture answers POST /v1/node/capture: packets as a pcapng stream, until the client
// leaves.
func (s *Server) capture(w http.ResponseWriter, r *http.Request) error {
	o, err := captureOptions(r)
	if err != nil {
		return err
	}
	ctx, rc, done, err := s.lasting(w, r)
	if err != nil {
		return err
	}
	defer done()
	c := capturing{server: s, w: w, r: r, rc: rc, options: o}
	err = s.farm.Capture(ctx, o, func(got Captured) error { return c.take(ctx, got) })
	if c.stream == nil {
		s.audit(r, callerOf(r).who(), "capture", "", err)
		return err
	}
	if err != nil && ctx.Err() == nil {
		s.logger.Warn("a capture has ended", "why", err)
	}
	return nil
}

// capturing is a capture that is being sent.
type capturing struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	rc      *http.ResponseController
	options CaptureOptions
	stream  *pcapng.Writer // nil until the capture has begun
	sent    CaptureStats
}

// take sends what was captured. The first call tells that the capture has begun.
func (c *capturing) take(ctx context.Context, got Captured) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := c.rc.SetWriteDeadline(time.Now().Add(captureStall)); err != nil {
		return err
	}
	if c.stream == nil {
		if err := c.begin(); err != nil {
			return err
		}
	}
	for _, p := range got.Packets {
		if err := c.stream.Packet(p); err != nil {
			return err
		}
	}
	// What has been said already need not be said again in every idle turn.
	if c.sent.Copied == got.Copied && c.sent.Lost == got.Lost && c.sent.Limited == got.Limited && got.Turns-c.sent.Turns < captureQuiet {
		return nil
	}
	c.sent = got.CaptureStats
	if err := c.stream.Statistics(pcapng.Statistics{Copied: got.Copied, Lost: got.Lost, Comment: fmt.Sprintf(limits, got.Limited, got.Turns)}, time.Now()); err != nil {
		return err
	}
	return c.rc.Flush()
}

// captureQuiet is in how many idle turns nothing is sent.
const captureQuiet = 20

func (c *capturing) begin() (err error) {
	c.server.audit(c.r, callerOf(c.r).who(), "capture", c.options.String(), nil)
	beginStream(c.w, c.rc, captureType)
	if c.stream, err = pcapng.NewWriter(c.w, "thresher", c.server.farm.Status().Node, c.options.Snap); err != nil {
		return err
	}
	return c.rc.Flush()
}

// String is the options as they are given on a command line, without those that
// exclude nothing.
func (o CaptureOptions) String() string {
	text := fmt.Sprintf("--rate %d", o.Rate)
	for _, f := range []struct{ name, value string }{{"verdict", o.Verdict}, {"reason", o.Reason}, {"rule", o.Rule}} {
		if f.value != "" {
			text += " --" + f.name + " " + f.value
		}
	}
	if o.Client.IsValid() {
		text += " --client " + o.Client.String()
	}
	return text
}
