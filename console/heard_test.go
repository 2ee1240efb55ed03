package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"thresher/console/trust"
)

// pictures are those of the farm that somebody who watches gets.
type pictures struct {
	t     *testing.T
	lines *bufio.Scanner
}

// watchFarm watches by a node's console until the test ends.
func watchFarm(t *testing.T, c *Client) *pictures {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*testTimeout) // for all that the test watches
	resp, err := c.begin(ctx, "/v1/farm", map[string][]string{"follow": {"1"}})
	must(t, err)
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	p := &pictures{t, bufio.NewScanner(resp.Body)}
	p.lines.Buffer(nil, maxStreamLine)
	return p
}

func (p *pictures) next() FarmStatus {
	p.t.Helper()
	for p.lines.Scan() {
		if data, ok := strings.CutPrefix(p.lines.Text(), "data: "); ok {
			var f FarmStatus
			must(p.t, json.Unmarshal([]byte(data), &f))
			return f
		}
	}
	p.t.Fatalf("the stream ended: %v", p.lines.Err())
	return FarmStatus{}
}

// until returns the first picture that is right, and how long it took to come.
func (p *pictures) until(right func(FarmStatus) bool) (FarmStatus, time.Duration) {
	p.t.Helper()
	for begun := time.Now(); ; {
		if f := p.next(); right(f) {
			return f, time.Since(begun)
		}
	}
}

// set changes what a node says of itself, as its daemon does: with an event.
func (f *farmServer) set(change func(*Status)) {
	f.farm.mu.Lock()
	change(&f.farm.status)
	f.farm.mu.Unlock()
	f.log.Add(Event{Kind: "change"})
}

// Who watches sees a change at once, not at the next look: of the node that is asked,
// and of another one, of which the first knows nothing.
func TestWatchingSeesChanges(t *testing.T) {
	farm := startFarm(t, 3)
	p := watchFarm(t, farm[0].client)
	if f := p.next(); len(f.Nodes) != 3 || f.Nodes[1].Status == nil || f.Nodes[2].Status == nil {
		t.Errorf("the first picture is not whole: %+v", f)
	}
	for i, one := range []*farmServer{farm[0], farm[2], farm[1]} {
		want := "no answer " + string(rune('a'+i))
		one.set(func(s *Status) { s.Checks = []Check{{Name: "http", State: "down", Detail: want}} })
		_, took := p.until(func(f FarmStatus) bool {
			for _, n := range f.Nodes {
				if n.Name == one.farm.status.Node {
					return n.Status != nil && len(n.Status.Checks) > 0 && n.Status.Checks[0].Detail == want
				}
			}
			return false
		})
		t.Logf("a change on %s is seen after %v", one.farm.status.Node, took)
	}
}

// A node that hangs is told of, and holds up the news of no other.
func TestWatchingANodeThatHangs(t *testing.T) {
	farm := startFarm(t, 3)
	p := watchFarm(t, farm[0].client)
	p.until(func(f FarmStatus) bool {
		return !slices.ContainsFunc(f.Nodes, func(n FarmNode) bool { return n.Status == nil })
	})
	farm[1].farm.mu.Lock() // its status is not to be had
	locked := true
	defer func() {
		if locked {
			farm[1].farm.mu.Unlock()
		}
	}()
	f, took := p.until(func(f FarmStatus) bool { return strings.Contains(f.Nodes[1].Problem, errSilent.Error()) })
	if f.Nodes[1].Status != nil || took > 5*(watchInterval+farmTimeout) {
		t.Errorf("after %v: %+v", took, f.Nodes[1])
	}
	farm[2].set(func(s *Status) { s.State = Draining })
	if f, _ := p.until(func(f FarmStatus) bool { return f.Nodes[2].State == Draining }); f.Nodes[1].Problem == "" {
		t.Error("who hangs is well")
	}
	farm[1].farm.mu.Unlock()
	locked = false
	p.until(func(f FarmStatus) bool { return f.Nodes[1].Status != nil && f.Nodes[1].Problem == "" })
}

// busyFarm is a Farm whose loop does not come to saying how it is until it is let.
type busyFarm struct {
	Farm
	asked chan struct{}
	says  chan Status
}

func (b busyFarm) Status() Status {
	b.asked <- struct{}{}
	return <-b.says
}

// While this node's own loop is busy, the others are heard, and stay so if it says
// nothing in the end.
func TestABusyNodeHearsTheOthers(t *testing.T) {
	farm := startFarm(t, 2)
	own := farm[0].farm.Status()
	busy := busyFarm{farm[0].farm, make(chan struct{}), make(chan Status)}
	server := &Server{farm: busy, peers: farm[0].server.peers}
	defer server.running.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	h := &heard{server: server, ctx: ctx, rings: make(chan struct{}, 1), voices: make(map[peer]*voice)}
	pictures := make(chan FarmStatus)
	look := func() {
		go func() { pictures <- h.look().(FarmStatus) }()
		<-busy.asked
	}
	rung := func(by string) {
		t.Helper()
		select {
		case <-h.rings:
		case <-ctx.Done():
			t.Errorf("nothing is heard %s", by)
		}
	}
	look()
	busy.says <- own
	<-pictures
	rung("when all is well")
	look()
	farm[1].set(func(s *Status) { s.State = Draining })
	rung("while this node is busy")
	busy.says <- own
	if f := <-pictures; f.Nodes[1].State != Draining {
		t.Errorf("what was heard meanwhile is not shown: %+v", f.Nodes[1])
	}
	look()
	busy.says <- Status{Node: own.Node, State: Busy}
	<-pictures
	look()
	busy.says <- own
	if f := <-pictures; f.Nodes[1].Status == nil {
		t.Errorf("who was heard before is silent: %+v", f.Nodes[1])
	}
}

// Nodes that come and go do so for who watches, too.
func TestWatchingNodesThatComeAndGo(t *testing.T) {
	farm := startFarm(t, 3)
	all := farm[0].farm.status.Nodes
	farm[0].farm.setNodes(all[:2])
	p := watchFarm(t, farm[0].client)
	if f := p.next(); len(f.Nodes) != 2 {
		t.Errorf("%+v", f)
	}
	farm[0].set(func(s *Status) { s.Nodes = all })
	p.until(func(f FarmStatus) bool { return len(f.Nodes) == 3 && f.Nodes[2].Status != nil })
	farm[0].set(func(s *Status) {
		s.Nodes = []Node{all[0], all[1], {Name: all[2].Name, State: Unreachable, Address: all[2].Address}}
	})
	f, _ := p.until(func(f FarmStatus) bool { return f.Nodes[2].State == Unreachable })
	if f.Nodes[2].Status != nil || f.Nodes[2].Problem == "" {
		t.Errorf("what it said before is shown: %+v", f.Nodes[2])
	}
}

// A node whose key counts no more hears nothing more, though it is connected.
func TestStreamsEndWithTheFarmsKey(t *testing.T) {
	farm := startFarm(t, 2)
	c, err := farm[0].server.peers.client(farm[0].farm.status.Nodes[1], "")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	changed := false
	err = c.FollowStatus(ctx, func(Status) error {
		if !changed {
			changed = true
			return farm[1].farm.identity.SetKeys([32]byte{9})
		}
		return nil
	})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable {
		t.Errorf("the stream ends with %v", err)
	}
}

// Another node's events can be followed through this one.
func TestFollowingAnotherNodesEvents(t *testing.T) {
	farm := startFarm(t, 2)
	var e *Error
	farm[0].server.relayed.Store(maxRelayed)
	if err := farm[0].client.Follow(t.Context(), "web2", 0, nil); !errors.As(err, &e) || e.Code != CodeTooMany {
		t.Errorf("one too many: %v", err)
	}
	if n := farm[0].server.relayed.Load(); n != maxRelayed {
		t.Errorf("%d streams are counted", n)
	}
	farm[0].server.relayed.Store(0)
	fill(farm[1].log, 2)
	var got []uint64
	err := farm[0].client.Follow(t.Context(), "web2", 1, func(e Event) error {
		if got = append(got, e.Seq); e.Seq == 3 {
			return errEnough
		}
		farm[1].log.Add(Event{Kind: "k3"})
		return nil
	})
	if !errors.Is(err, errEnough) || len(got) != 2 || got[0] != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if err := farm[0].client.Follow(t.Context(), "web9", 0, nil); !errors.As(err, &e) || e.Code != CodeNotFound {
		t.Errorf("a node that there is not: %v", err)
	}
}

// oldPeer is a node of a release that streams no state. It is served until the test ends.
type oldPeer struct {
	*http.Server
	asked atomic.Int32
}

// serveOldPeer serves one at an address that is known to a farm's first node.
func serveOldPeer(t *testing.T, of *farmServer, status Status, at netip.Addr) *oldPeer {
	t.Helper()
	identity, err := trust.New(status.Node, of.farm.keys.Gossip)
	must(t, err)
	l, err := net.Listen("tcp", netip.AddrPortFrom(at, of.server.peers.port).String())
	must(t, err)
	p := &oldPeer{Server: &http.Server{TLSConfig: identity.Server()}}
	p.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = status
		if _, err := parameters(r); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			answer = err
		} else {
			p.asked.Add(1)
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	served := make(chan error, 1)
	go func() { served <- p.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = p.Close() // the test may have done so
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return p
}

// A node of an older release, which refuses to be followed, is asked instead; who
// watches is told so, and sees it go.
func TestWatchingANodeOfAnOlderRelease(t *testing.T) {
	farm := startFarm(t, 2)
	old := Node{Name: "old", State: Up, Address: loopback(2), Shares: map[string]float64{"web": 0}}
	peer := serveOldPeer(t, farm[0], Status{Node: "old", State: Draining}, old.Address)
	farm[0].farm.setNodes(append(slices.Clone(farm[0].farm.status.Nodes), old))
	p := watchFarm(t, farm[0].client)
	f, _ := p.until(func(f FarmStatus) bool { return f.Nodes[2].Note != "" })
	if n := f.Nodes[2]; n.Note != askedNote || n.Problem != "" || n.Status == nil || n.State != Draining || f.Nodes[1].Note != "" {
		t.Errorf("%+v", n)
	}
	// It is asked on and on, and what it says stays shown meanwhile.
	for begun := peer.asked.Load(); peer.asked.Load() < begun+2; {
		if n := p.next().Nodes[2]; n.Status == nil || n.Problem != "" {
			t.Errorf("%+v", n)
		}
	}
	must(t, peer.Close())
	f, _ = p.until(func(f FarmStatus) bool { return f.Nodes[2].Problem != "" })
	if n := f.Nodes[2]; n.Status != nil || n.Note != "" {
		t.Errorf("it is gone, and shown as %+v", n)
	}
}
