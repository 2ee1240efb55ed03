package cluster

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// lines is a log that hands on what is said of state exchanges.
type lines struct {
	slog.Handler
	exchanges chan slog.Record
}

func (l lines) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "Push/Pull with ") {
		select {
		case l.exchanges <- r:
		default:
		}
	}
	return nil
}

func (lines) Enabled(context.Context, slog.Level) bool { return true }

// Of a node that vanishes memberlist's errors are told, of one that has said that it
// leaves they are not.
func TestLogOfNodesThatLeave(t *testing.T) {
	often := func(c *memberlist.Config) {
		steady(c)
		c.PushPullInterval, c.ProbeInterval = 10*time.Millisecond, time.Minute
	}
	for phase, want := range map[Phase]slog.Level{Up: slog.LevelError, Leaving: slog.LevelDebug} {
		t.Run(phase.String(), func(t *testing.T) {
			log := lines{slog.DiscardHandler, make(chan slog.Record, 1)}
			a := startTimed(t, "a", "127.0.0.81", often, func(c *Config) { c.Logger = slog.New(log) })
			b := startNode(t, "b", "127.0.0.82", joinTo(a))
			mustJoin(t, b)
			if err := b.SetMeta(Meta{Phase: phase}); err != nil {
				t.Fatal(err)
			}
			a.await(t, "b's phase", func(m []Member) bool { return find(m, "b").Meta.Phase == phase })
			if err := b.Shutdown(); err != nil {
				t.Fatal(err)
			}
			select {
			case line := <-log.exchanges:
				if line.Level != want || !strings.Contains(line.Message, "with b failed") {
					t.Errorf("%v %s, want %v", line.Level, line.Message, want)
				}
			case <-time.After(5 * time.Second):
				t.Error("memberlist has said nothing")
			}
		})
	}
}

// Only lines of that kind about such a node are held back: whatever else is said of it,
// or of another node at its address, stays.
func TestLinesOfLeavers(t *testing.T) {
	d := newDelegate("web1", newPaths(1), nil)
	for name, m := range map[string]Member{
		"web1": {Address: netip.MustParseAddrPort("192.0.2.1:7946"), Meta: Meta{Phase: Leaving}},
		"web2": {Address: netip.MustParseAddrPort("192.0.2.2:7946"), Meta: Meta{Phase: Up}, Alive: true},
		"web3": {Address: netip.MustParseAddrPort("192.0.2.3:7946"), Meta: Meta{Phase: Leaving, Networks: []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::3]:7946")}}},
		"web4": {Address: netip.MustParseAddrPort("192.0.2.4:7946"), Meta: Meta{Phase: Leaving}},
		"web5": {Address: netip.MustParseAddrPort("192.0.2.4:7947"), Meta: Meta{Phase: Up}},
	} {
		d.members[name] = entry{member: m}
	}
	for line, want := range map[string]slog.Level{
		"[ERR] memberlist: Push/Pull with web3 failed: EOF":                                                                             slog.LevelDebug,
		"[ERR] memberlist: Push/Pull with web2 failed: EOF":                                                                             slog.LevelError,
		"[ERR] memberlist: Push/Pull with web failed: EOF":                                                                              slog.LevelError,
		"[ERR] memberlist: Push/Pull with web3 failed: dial tcp 192.0.2.3:7946: connect: connection refused":                            slog.LevelDebug,
		"[ERR] memberlist: Failed fallback TCP ping: timeout 1s: read tcp 192.0.2.1:5->192.0.2.3:7946: i/o timeout":                     slog.LevelDebug,
		"[ERR] memberlist: Failed fallback TCP ping: read tcp 192.0.2.1:5->192.0.2.2:7946: read: connection reset by peer":              slog.LevelError,
		"[ERR] memberlist: failed to receive: EOF from=192.0.2.3:40000":                                                                 slog.LevelDebug,
		"[WARN] memberlist: a packet was not sent: write udp 192.0.2.1:7946->[2001:db8::3]:7946: sendto: no route to host":              slog.LevelDebug,
		"[WARN] memberlist: a packet was not sent: write udp 192.0.2.1:7946->192.0.2.3:7946: sendto: network is unreachable":            slog.LevelWarn, // by this node's own doing
		"[ERR] memberlist: failed to receive: EOF from=192.0.2.4:40000":                                                                 slog.LevelError,
		"[ERR] memberlist: failed to receive: EOF from=192.0.2.33:40000":                                                                slog.LevelError,
		"[ERR] memberlist: failed to receive: no installed keys could decrypt the message: EOF from=192.0.2.3:40000":                    slog.LevelError,
		"[ERR] memberlist: Received invalid msgType (99) from=192.0.2.3:40000":                                                          slog.LevelError,
		"[WARN] memberlist: Was able to connect to web3 over TCP but UDP probes failed, network may be misconfigured":                   slog.LevelWarn,
		"[ERR] memberlist: Failed to send ack: write udp 192.0.2.1:7946->192.0.2.3:7946: connection refused from=192.0.2.3:7946":        slog.LevelDebug,
		"[ERR] memberlist: Failed to send gossip to 192.0.2.2:7946: write udp 192.0.2.1:7946->192.0.2.2:7946: sendto: no route to host": slog.LevelError,
	} {
		a, out, _ := adapterUnderTest(slog.LevelDebug)
		a.leaves = d.leaves
		a.logger().Print(line)
		if !strings.HasPrefix(out.String(), "level="+want.String()+" ") {
			t.Errorf("%s: want %v, got %s", line, want, out)
		}
	}
}
