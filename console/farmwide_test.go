package console

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thresher/console/trust"
)

// farmServer is one node of a farm on loopback addresses.
type farmServer struct {
	farm   *fakeFarm
	log    *Log
	client *Client
	server *Server
}

// startFarm serves nodes web1, web2 ... on 127.0.0.1, 127.0.0.2 ..., of which each
// knows all. Those of mute have another key.
func startFarm(t *testing.T, n int, mute ...int) []*farmServer {
	t.Helper()
	first, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port := first.Addr().(*net.TCPAddr).AddrPort().Port()
	var nodes []Node
	for i := range n {
		nodes = append(nodes, Node{Name: nodeName(i), State: Up, Address: loopback(i), Shares: map[string]float64{"web": 1 / float64(n)}})
	}
	var farm []*farmServer
	for i := range n {
		f := &farmServer{farm: &fakeFarm{status: Status{Node: nodeName(i), State: Up, Nodes: nodes, Rules: []Rule{{Name: "web"}}}}, log: NewLog(0)}
		f.client, f.server = startServer(t, f.farm, f.log)
		key := [32]byte{1}
		if slices.Contains(mute, i) {
			key[0] = 2
		}
		identity, err := trust.New(nodeName(i), key)
		must(t, err)
		f.farm.keys.Gossip, f.farm.identity = key, identity
		f.server.Open(Options{Node: nodeName(i), Peers: identity, PeerPort: port})
		f.server.peers.handshake = testTimeout
		l := first
		if i > 0 {
			l, err = net.Listen("tcp", netip.AddrPortFrom(loopback(i), port).String())
			must(t, err)
		}
		served := make(chan error, 1)
		go func() { served <- f.server.ServePeers(l) }()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
			defer cancel()
			must(t, f.server.Shutdown(ctx))
			must(t, <-served)
		})
		farm = append(farm, f)
	}
	return farm
}

func nodeName(i int) string     { return "web" + string(rune('1'+i)) }
func loopback(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)}) }

func TestAnyNodeAnswersForAll(t *testing.T) {
	farm := startFarm(t, 3)
	farm[2].farm.status.State = Draining
	f, err := farm[1].client.Farm(t.Context())
	must(t, err)
	if f.Node != "web2" || len(f.Nodes) != 3 {
		t.Fatalf("%+v", f)
	}
	for i, n := range f.Nodes {
		if n.Name != nodeName(i) || n.Status == nil || n.Status.Node != n.Name || n.Problem != "" {
			t.Errorf("%+v", n)
		}
	}
	if f.Nodes[2].State != Draining {
		t.Errorf("web3 is %s, not what it says of itself", f.Nodes[2].State)
	}
	if s, err := farm[0].client.StatusOf(t.Context(), "web3"); err != nil || s.Node != "web3" {
		t.Errorf("%+v, %v", s, err)
	}
	var e *Error
	if _, err := farm[0].client.StatusOf(t.Context(), "web9"); !errors.As(err, &e) || e.Code != CodeNotFound || !strings.Contains(e.Cure, "web3") {
		t.Errorf("another node: %v", err)
	}
}

func TestChangesOfOtherNodes(t *testing.T) {
	farm := startFarm(t, 3)
	out, err := farm[0].client.Change(t.Context(), Change{Action: actionDrain, Node: "web2", Deadline: time.Second})
	if err != nil || out.Failed() != 0 || len(out.Nodes) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if calls := farm[1].farm.called(); !slices.Equal(calls, []string{"drain 1s"}) || farm[0].farm.called() != nil {
		t.Errorf("web2 was told %v, web1 %v", calls, farm[0].farm.called())
	}
	// The node says who asked, and where.
	if events := farm[1].log.Since(0); len(events) != 1 || !strings.Contains(events[0].Message, "(admin) by node web1: drain") {
		t.Errorf("%+v", events)
	}
	farm[2].farm.err = &Error{Code: CodeConflict, Message: "not now", Cure: "later"}
	out, err = farm[1].client.Change(t.Context(), Change{Action: actionStart})
	if err != nil || out.Failed() != 1 || out.Nodes[len(out.Nodes)-1].Name != "web2" {
		t.Errorf("%+v, %v", out, err)
	}
	text := OutcomesText(actionStart, out)
	if !strings.Contains(text, "web3: not done: not now; later\n") || !strings.Contains(text, "web1: started\n") {
		t.Error(text)
	}
	var e *Error
	if _, err := farm[0].client.Change(t.Context(), Change{Action: actionStop, Node: "web3"}); !errors.As(err, &e) || e.Code != CodeConflict {
		t.Errorf("one that fails: %v", err)
	}
}

// A weight is set on the node that is named, or on all, as each would set its own.
func TestWeightsOfOtherNodes(t *testing.T) {
	farm := startFarm(t, 3)
	half := uint8(50)
	out, err := farm[0].client.Change(t.Context(), Change{Action: actionWeight, Node: "web2", Rule: "web", Weight: &half})
	if err != nil || OutcomesText(actionWeight, out) != "web2: weight set\n" {
		t.Errorf("%+v, %v", out, err)
	}
	if events := farm[1].log.Since(0); len(events) != 1 || !strings.Contains(events[0].Message, "(admin) by node web1: weight") {
		t.Errorf("%+v", events)
	}
	out, err = farm[2].client.Change(t.Context(), Change{Action: actionWeight, Rule: "web"})
	if err != nil || out.Failed() != 0 || len(out.Nodes) != 3 {
		t.Errorf("%+v, %v", out, err)
	}
	for i, want := range [][]string{{"weigh web"}, {"weigh web 50", "weigh web"}, {"weigh web"}} {
		if calls := farm[i].farm.called(); !slices.Equal(calls, want) {
			t.Errorf("%s was told %q, want %q", nodeName(i), calls, want)
		}
	}
	var e *Error
	if err := farm[0].client.tell(t.Context(), "/v1/farm/weight", url.Values{"node": {"web2"}, "weight": {"101"}}); !errors.As(err, &e) || e.Code != CodeBadRequest {
		t.Errorf("a weight above 100: %v", err)
	}
}

// A node that nobody hears is not asked, so that a change of all comes to the others.
func TestChangesLeaveOutWhoIsNotHeard(t *testing.T) {
	farm := startFarm(t, 3)
	nodes := slices.Clone(farm[0].farm.Status().Nodes)
	nodes[1].State = Unreachable
	farm[0].farm.setNodes(nodes)
	out, err := farm[0].client.Change(t.Context(), Change{Action: actionStop})
	if err != nil || out.Failed() != 1 || farm[1].farm.called() != nil || len(farm[2].farm.called()) != 1 || len(farm[0].farm.called()) != 1 {
		t.Errorf("%+v, %v; web2 was told %v, web3 %v, web1 %v", out, err, farm[1].farm.called(), farm[2].farm.called(), farm[0].farm.called())
	}
	var e *Error
	if _, err := farm[0].client.Change(t.Context(), Change{Action: actionDrain, Node: "web2"}); !errors.As(err, &e) || e.Code != CodeUnreachable || !strings.Contains(e.Message, "web2") {
		t.Errorf("web2 alone: %v", err)
	}
}

// The kernel gives up a node that is silent, whatever was asked of it.
func TestConnectionsToSilentNodesEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	identity, err := trust.New("web1", [32]byte{1})
	must(t, err)
	way := newPeers("web1", identity, 1).transport(peer{"web2", loopback(1)}).Transport.(*http.Transport)
	c, err := way.DialContext(t.Context(), "tcp", l.Addr().String())
	must(t, err)
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		for name, want := range map[int]int{unix.TCP_USER_TIMEOUT: 10_000, unix.TCP_KEEPIDLE: 2, unix.TCP_KEEPINTVL: 2} {
			if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name); err != nil || got < want || got > want+1 {
				t.Errorf("option %d is %d, want %d or so: %v", name, got, want, err)
			}
		}
	}))
}

// However long a name is, and in whatever script, the other nodes write it down.
func TestLongNamesAreKept(t *testing.T) {
	farm := startFarm(t, 2)
	for _, letter := range []string{"a", "ж", "名"} {
		c, err := farm[0].server.peers.client(farm[0].farm.status.Nodes[1], strings.Repeat(letter, 200)+" (control)")
		must(t, err)
		must(t, c.tell(t.Context(), "/v1/node/start", nil))
		events := farm[1].log.Since(0)
		if who := events[len(events)-1].Fields["who"]; !strings.HasPrefix(who, strings.Repeat(letter, 40)) || !strings.HasSuffix(who, letter+"~ by node web1") {
			t.Errorf("%s is %q", letter, who)
		}
	}
}

// A restart that fails on one node is tried on no other.
func TestRestartOfAllStopsAtAFailure(t *testing.T) {
	farm := startFarm(t, 3)
	farm[1].farm.err = &Error{Code: CodeConflict, Message: "bad configuration"}
	out, err := farm[0].client.Change(t.Context(), Change{Action: actionRestart})
	if err != nil || out.Failed() != 3 || farm[2].farm.called() != nil || farm[0].farm.called() != nil {
		t.Errorf("%+v, %v; web3 was told %v", out, err, farm[2].farm.called())
	}
}

func TestNodesThatDoNotAnswer(t *testing.T) {
	farm := startFarm(t, 3, 2)
	farm[0].farm.status.Nodes = append(slices.Clone(farm[0].farm.status.Nodes), Node{Name: "web4", State: Unreachable})
	begun := time.Now()
	f, err := farm[0].client.Farm(t.Context())
	must(t, err)
	if took := time.Since(begun); took > 5*farmTimeout {
		t.Errorf("asking took %v", took)
	}
	if f.Nodes[1].Status == nil || f.Nodes[2].Status != nil || f.Nodes[2].Problem == "" || f.Nodes[3].State != Unreachable || f.Nodes[3].Problem == "" {
		t.Errorf("%+v", f)
	}
	if text := FarmText(f, 24); !strings.Contains(text, "web3 does not answer") || !strings.Contains(text, "4 nodes: 3 up, 1 unreachable") {
		t.Error(text)
	}
}

// What other nodes may ask for is this node's own affair, and no more.
func TestPeersReachThisNodeAlone(t *testing.T) {
	farm := startFarm(t, 2)
	c, err := farm[0].server.peers.client(farm[0].farm.status.Nodes[1], "mallory")
	must(t, err)
	for _, path := range []string{"/v1/farm", "/v1/session", "/metrics", "/"} {
		var e *Error
		if err := c.ask(t.Context(), path, nil, new(any)); !errors.As(err, &e) || e.Code != CodeNotFound {
			t.Errorf("%s: %v", path, err)
		}
	}
	must(t, c.Stop(t.Context(), false))
	if events := farm[1].log.Since(0); len(events) != 1 || events[0].Message != "mallory by node web1: stop" {
		t.Errorf("%+v", events)
	}
}

func TestTrafficOfAnHour(t *testing.T) {
	var m traffic
	at := time.Unix(1000, 0)
	m.add(at, Datapath{Accepted: 100, Reasons: map[string]uint64{"accepted": 100, "late": 7}})
	m.add(at.Add(5*time.Second), Datapath{Accepted: 150, Rejected: 10, Opened: 20, Reasons: map[string]uint64{"accepted": 150, "late": 7}})
	m.add(at.Add(10*time.Second), Datapath{Accepted: 150, Rejected: 5, Opened: 21, Reasons: map[string]uint64{"accepted": 150, "late": 7, "not_mine": 5}})
	got, err := json.Marshal(m.report())
	must(t, err)
	want := `{"interval_s":5,"times":[1005,1010],"rates":{"accepted":[10,0],"asked":[0,0],"opened":[4,0.2],"rejected":[2,0]},"reasons":{"accepted":[10,0],"not_mine":[0,1]}}`
	if string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	for i := range 2 * trafficSamples {
		m.add(at.Add(time.Duration(i)*time.Minute), Datapath{})
	}
	if n := len(m.report().Times); n != trafficSamples {
		t.Errorf("%d samples", n)
	}
}
