package farm_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/perf/lab"
)

// How the console is abused: as many streams as wanted, from so many addresses that
// neither one address's limit nor that of all connections keeps most of them out.
const (
	idleStreams    = 1000
	abuseAddresses = 20
	abuseWorkers   = 6 // of each kind that does not rest
)

// A thousand event streams that nobody reads, slow clients, 10 MB bodies and wrong
// tokens: the console refuses or bounds them, and the heartbeats notice nothing.
func TestConsoleUnderAbuse(t *testing.T) {
	f := newFarm(t, lab.Config{Nodes: 3, ClientAddresses: abuseAddresses}, lab.FarmOptions{Users: t.TempDir() + "/users"})
	f.StartAll()
	n := f.Nodes[0]
	token := strings.TrimSpace(f.Thresher(n, "token", "add", "abuser", "--users", f.Options.Users))
	a := &abuse{f: f, node: n, token: token, answers: make(map[string]int)}
	f.Eventually(10*time.Second, "the token counts", func() bool { return a.get(0, "/v1/status") == "200 OK" })
	rest := short(2*time.Second, 30*time.Second)
	var quiet leases
	f.Eventually(time.Minute, "the machine is quiet enough for leases to hold at rest", func() bool {
		quiet = a.watchLeases(rest, func(ctx context.Context) { <-ctx.Done() })
		return quiet.lost == ""
	})
	views := f.Views(f.Nodes...)
	fenced := a.fenced()
	idle := a.watchLeases(time.Minute+rest, func(ctx context.Context) { a.idle(ctx, rest) }) // opening them takes some 7 s
	busy := a.watchLeases(rest, a.restless)
	t.Logf("ms of the lease left at the least: %v at rest, %v with idle streams, %v with restless clients; the answers: %v", quiet.least, idle.least, busy.least, a.answers)
	if lost := idle.lost + busy.lost; lost != "" {
		t.Errorf("leases did not hold: %s", lost)
	}
	for _, one := range []struct {
		answer      string
		least, most int
	}{
		{"stream", 1, 128}, {"stream 429 Too Many Requests", 1, idleStreams}, {"stream refused", idleStreams - 512, idleStreams},
		{"token 401 Unauthorized", 1, 1 << 20}, {"token 200 OK", 0, 0}, {"body 200 OK", 0, 0}, {"streams not opened in time", 0, 0},
	} {
		if got := a.answers[one.answer]; got < one.least || got > one.most {
			t.Errorf("%d times %q, want %d to %d", got, one.answer, one.least, one.most)
		}
	}
	for name, since := range f.ViewsSince(views) {
		if since != 0 {
			t.Errorf("%s saw %d views change", name, since)
		}
	}
	if more := a.fenced() - fenced; more != 0 {
		t.Errorf("%d packets came to a fenced node", more)
	}
	f.Converge(f.Nodes...)
}

// abuse is what one console is done to.
type abuse struct {
	f     *testFarm
	node  *lab.Node
	token string

	mu      sync.Mutex
	answers map[string]int // how often there was each
	held    []net.Conn
}

func (a *abuse) count(answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[answer]++
}

// fenced is how many packets came to a node whose lease was over.
func (a *abuse) fenced() (packets uint64) {
	for _, n := range a.f.Nodes {
		s, err := a.f.Status(n)
		a.f.Must(err)
		packets += s.Datapath.Fenced
	}
	return packets
}

// leases is what was seen of the nodes' leases.
type leases struct {
	least map[string]int64 // the shortest that was left, by node, in ms
	lost  string           // the moments without one
}

// watchLeases does it, for so long at most, with new connections to the farm all the
// while, and looks how much of the leases is left.
func (a *abuse) watchLeases(d time.Duration, do func(context.Context)) leases {
	a.f.T.Helper()
	ctx, cancel := context.WithTimeout(a.f.Ctx, d)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		defer cancel()
		do(ctx)
	})
	running.Go(func() {
		syns := a.f.synsTo80(lab.SYNSources(1000), 300)
		for ctx.Err() == nil {
			_, _ = a.f.Client.SendSYNs(ctx, syns) // ended by ctx
		}
	})
	seen := leases{least: make(map[string]int64)}
	for ctx.Err() == nil {
		for _, n := range a.f.Nodes {
			s, err := a.f.Status(n)
			a.f.Must(err)
			if s.State != console.Up || s.Lease == nil || s.Lease.RemainingMS <= 0 {
				seen.lost += fmt.Sprintf("%s is %s, its lease %+v; ", n.Name, s.State, s.Lease)
				continue
			}
			if old, ok := seen.least[n.Name]; !ok || s.Lease.RemainingMS < old {
				seen.least[n.Name] = s.Lease.RemainingMS
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	running.Wait()
	return seen
}

// idle opens the streams and keeps what it gets of them for so long.
func (a *abuse) idle(ctx context.Context, rest time.Duration) {
	defer func() {
		for _, c := range a.held {
			_ = c.Close()
		}
	}()
	for i := range idleStreams {
		if ctx.Err() != nil {
			a.count("streams not opened in time")
			return
		}
		a.stream(ctx, i)
	}
	select {
	case <-ctx.Done():
	case <-time.After(rest):
	}
}

// restless gives the node no rest until ctx ends.
func (a *abuse) restless(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for i := range abuseWorkers {
		for _, one := range []func(context.Context, int){a.slow, a.body, a.wrongToken} {
			running.Go(func() {
				for ctx.Err() == nil {
					one(ctx, i)
				}
			})
		}
	}
}

// dial opens a TLS connection from one of the client's addresses.
func (a *abuse) dial(ctx context.Context, i int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	from := netip.AddrPortFrom(a.f.Client.Addresses[i%abuseAddresses], 0)
	raw, err := a.f.Client.Dial(ctx, "tcp", from, netip.AddrPortFrom(a.node.Address, config.DefaultAPIPort))
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(5 * time.Second))
}

// request sends the head of a request.
func (a *abuse) request(w io.Writer, method, path, token string, more ...string) error {
	_, err := fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: %v\r\nAuthorization: Bearer %s\r\n%s\r\n", method, path, a.node.Address, token, strings.Join(more, ""))
	return err
}

// stream opens an event stream and does not read it.
func (a *abuse) stream(ctx context.Context, i int) {
	c, err := a.dial(ctx, i)
	if err != nil {
		a.count("stream refused")
		return
	}
	a.held = append(a.held, c)
	path := [...]string{"/v1/events?follow=1", "/v1/farm?follow=1"}[i%2]
	if a.request(c, "GET", path, a.token) != nil {
		a.count("stream refused")
		return
	}
	switch status := read(c); status {
	case "cut off":
		a.count("stream refused")
	case "200 OK":
		a.count("stream")
	default:
		a.count("stream " + status)
	}
}

// slow sends a request a byte at a time.
func (a *abuse) slow(ctx context.Context, i int) {
	c, err := a.dial(ctx, i)
	if err != nil {
		a.count("slow client refused")
		return
	}
	defer c.Close()
	for ctx.Err() == nil {
		if _, err := c.Write([]byte("G")); err != nil {
			a.count("slow client cut off")
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// body sends 10 MB where nobody wants them.
func (a *abuse) body(ctx context.Context, i int) {
	c, err := a.dial(ctx, i)
	if err != nil {
		a.count("body refused")
		return
	}
	defer c.Close()
	if a.request(c, "POST", "/v1/session", a.token, "Content-Type: application/json\r\nContent-Length: 10485760\r\n") == nil {
		_, _ = io.CopyN(c, zeros{}, 10<<20) // until it is cut off
	}
	a.count("body " + read(c))
}

func (a *abuse) wrongToken(ctx context.Context, i int) {
	c, err := a.dial(ctx, i)
	if err != nil {
		a.count("token refused")
		return
	}
	defer c.Close()
	_ = a.request(c, "GET", "/v1/status", "thr_wrong")
	a.count("token " + read(c))
}

// read returns the status of an answer. Its body is not read to its end, which closing
// it would do, and a stream's never comes.
func read(c net.Conn) string {
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "cut off"
	}
	return resp.Status
}

// get asks with the token.
func (a *abuse) get(i int, path string) string {
	c, err := a.dial(a.f.Ctx, i)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	if err := a.request(c, "GET", path, a.token); err != nil {
		return err.Error()
	}
	return read(c)
}

// zeros is as many bytes as wanted.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
