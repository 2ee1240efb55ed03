package farm_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/pipeline"
)

// sessionServer is a node's: it gives every new client a session, and knows none
// that another node gave.
type sessionServer struct {
	node string
	mu   sync.Mutex
	next int
	held map[string]bool
}

func (s *sessionServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie := r.Header.Get("Session")
	if cookie == "" {
		s.next++
		cookie = fmt.Sprintf("%s-%d", s.node, s.next)
		s.held[cookie] = true
	}
	if !s.held[cookie] {
		http.Error(w, "unknown session", http.StatusForbidden)
		return
	}
	fmt.Fprint(w, cookie)
}

// sessions are clients that come again and again, each on a new connection.
type sessions struct {
	f       *farmtest.Farm
	cookies []string
	addrs   []netip.Addr
	lost    atomic.Int64
	served  atomic.Int64
	failed  atomic.Int64
	stop    context.CancelFunc
	running sync.WaitGroup
}

func startSessions(f *farmtest.Farm, n int) *sessions {
	ctx, stop := context.WithCancel(f.Ctx)
	s := &sessions{f: f, cookies: make([]string, n), stop: stop}
	for i := range n {
		s.addrs = append(s.addrs, netip.AddrFrom4([4]byte{198, 18, byte(128 + i/250), byte(1 + i%250)}))
	}
	const workers = 40
	for w := range workers {
		s.running.Go(func() {
			for ctx.Err() == nil {
				for i := w; i < n && ctx.Err() == nil; i += workers {
					s.visit(ctx, i)
				}
			}
		})
	}
	return s
}

func (s *sessions) end() { s.stop(); s.running.Wait() }

// visit is one request of a client. A connection that fails is tried again on its
// next turn.
func (s *sessions) visit(ending context.Context, i int) {
	ctx, cancel := context.WithTimeout(ending, 4*time.Second)
	defer cancel()
	code, body, err := s.request(ctx, i)
	switch {
	case ending.Err() != nil:
	case err != nil:
		s.failed.Add(1)
	case code == http.StatusOK:
		s.cookies[i] = body
		s.served.Add(1)
	default:
		s.lost.Add(1)
		s.cookies[i] = ""
	}
}

func (s *sessions) request(ctx context.Context, i int) (int, string, error) {
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return s.f.Client.Dial(ctx, "tcp", netip.AddrPortFrom(s.addrs[i], 0), netip.AddrPortFrom(lab.VIP(), 80))
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://session/", nil)
	if err != nil {
		return 0, "", err
	}
	if s.cookies[i] != "" {
		r.Header.Set("Session", s.cookies[i])
	}
	resp, err := t.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// checkKept sees to it that nodes served clients that the table gives to others.
func checkKept(f *farmtest.Farm, nodes ...*lab.Node) {
	f.T.Helper()
	for _, n := range nodes {
		st, err := f.Status(n)
		f.Must(err)
		kept := st.Datapath.Reasons[pipeline.AcceptedSticky.String()]
		f.T.Logf("%s served %d connections of clients that it keeps", n.Name, kept)
		if kept == 0 {
			f.T.Errorf("%s keeps no client: the test tests nothing", n.Name)
		}
	}
}

// checkWhere sees to it that a node that drains says of some client that it keeps it.
func checkWhere(f *farmtest.Farm, n *lab.Node, clients []netip.Addr) {
	f.T.Helper()
	want := n.Name + ", by stickiness"
	for _, c := range clients[:100] {
		if strings.HasPrefix(f.Thresher(n, "where", c.String()), want) {
			return
		}
	}
	f.T.Errorf("%s says of none of 100 clients that it keeps it", n.Name)
}

// TestClientsStay joins and drains nodes under 1,000 clients with sessions: none
// loses its session, and no SYN is answered twice.
func TestClientsStay(t *testing.T) {
	for i, offload := range []string{"none", "full"} {
		if i > 0 && !*long {
			break
		}
		t.Run(offload, func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{Affinity: "client", Sticky: "5s", Offload: offload})
			for _, n := range f.Nodes {
				_, err := n.StartHTTP(":80", &sessionServer{node: n.Name, held: make(map[string]bool)})
				f.Must(err)
			}
			f.Start(f.Nodes[:2]...)
			f.Converge(f.Nodes[:2]...)
			watch, err := f.Client.WatchHandshakes()
			f.Must(err)
			defer watch.Close()
			s := startSessions(f.Farm, 1000)
			defer s.end()
			turn := func(what string) {
				before := s.served.Load()
				f.Eventually(30*time.Second, what, func() bool { return s.served.Load() > before+2000 })
				t.Logf("%s: %d served, %d failed, %d sessions lost", what, s.served.Load(), s.failed.Load(), s.lost.Load())
			}
			turn("two nodes")
			f.Start(f.Nodes[2])
			f.Converge(f.Nodes...)
			turn("join")
			f.Thresher(f.Nodes[1], "drain")
			turn("drain")
			checkKept(f.Farm, f.Nodes[0], f.Nodes[1])
			checkWhere(f.Farm, f.Nodes[1], s.addrs)
			s.end()
			if s.lost.Load() > 0 {
				t.Errorf("%d sessions lost", s.lost.Load())
			}
			if s.failed.Load() > 0 {
				t.Errorf("%d connections failed", s.failed.Load())
			}
			// Idle for long enough, they are clients like all others.
			f.Eventually(20*time.Second, "the drained node stops", func() bool {
				st, err := f.Status(f.Nodes[1])
				return err == nil && st.State == console.Stopped
			})
			f.Eventually(20*time.Second, "no client is kept any more", func() bool {
				one, err := f.Status(f.Nodes[0])
				two, err2 := f.Status(f.Nodes[2])
				return err == nil && err2 == nil && one.Rules[0].Sticky == 0 && two.Rules[0].Sticky == 0
			})
			f.Must(watch.Check())
			for _, d := range watch.DoubleAnswers() {
				t.Errorf("answered by %v: %+v", d.By, d.SYN)
			}
		})
	}
}

// TestClientsStayOverRestart joins a node and restarts the two others in place, while
// they keep clients: no SYN is answered twice, and every client is served in the end.
func TestClientsStayOverRestart(t *testing.T) {
	if !*long {
		return // TestClientsStay has the joins and drains, TestRestartInPlace the restarts
	}
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{Affinity: "client", Sticky: "5s"})
	for _, n := range f.Nodes {
		_, err := n.StartHTTP(":80", &sessionServer{node: n.Name, held: make(map[string]bool)})
		f.Must(err)
	}
	f.Start(f.Nodes[:2]...)
	f.Converge(f.Nodes[:2]...)
	watch := f.Watch()
	s := startSessions(f.Farm, 1000)
	defer s.end()
	turn := func(what string) {
		before := s.served.Load()
		f.Eventually(30*time.Second, what, func() bool { return s.served.Load() > before+2000 })
		t.Logf("%s: %d served, %d failed, %d sessions lost", what, s.served.Load(), s.failed.Load(), s.lost.Load())
	}
	turn("two nodes")
	f.Thresher(f.Nodes[0], "restart")
	turn("restart of an owner")
	if n := s.lost.Load(); n > 0 {
		t.Errorf("%d sessions lost, though no bucket has moved", n)
	}
	f.Start(f.Nodes[2])
	f.Converge(f.Nodes...)
	turn("join")
	checkKept(f.Farm, f.Nodes[:2]...)
	f.Thresher(f.Nodes[2], "restart")
	turn("restart of the newcomer")
	f.Thresher(f.Nodes[0], "restart")
	turn("restart of a holder")
	s.end()
	if n := s.failed.Load(); n > 0 {
		t.Errorf("%d connections failed", n)
	}
	f.Must(watch.Check())
	for _, d := range watch.DoubleAnswers() {
		t.Errorf("answered by %v: %+v", d.By, d.SYN)
	}
}
