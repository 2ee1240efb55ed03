package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"thresher/console"
	"thresher/console/access"
	"thresher/console/trust"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// simulatedFarm is a farm of many nodes that are nothing but what they say of
// themselves, each at a loopback address of its own. Their consoles and the ways
// between them are the real ones.
type simulatedFarm struct {
	Nodes  int    `json:"nodes"`
	Port   uint16 `json:"port"`   // where the nodes ask one another
	People string `json:"people"` // where the first one listens for people
	Users  string `json:"users"`
	Dir    string `json:"dir"`
}

// simulatedVariable makes this program the first node of the farm that it holds.
const simulatedVariable = "THRESHER_TEST_CONSOLE"

func (f simulatedFarm) name(i int) string { return fmt.Sprintf("node%02d", i+1) }
func (f simulatedFarm) address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)})
}

// beSimulatedConsole serves people, with a node that other processes are the peers of,
// if this process was started for that; then it does not return.
func beSimulatedConsole() {
	text, ok := os.LookupEnv(simulatedVariable)
	if !ok {
		return
	}
	var f simulatedFarm
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, f.servePeople())
	os.Exit(1)
}

func (f simulatedFarm) servePeople() error {
	n, err := f.node(0)
	if err != nil {
		return err
	}
	certificate, err := console.SelfSigned(f.Dir, []string{f.name(0)}, []netip.Addr{f.address(0)})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", f.People)
	if err != nil {
		return err
	}
	return n.server.ServePeople(l, certificate, []string{f.name(0)})
}

// simulatedNode is one of them.
type simulatedNode struct {
	console.Farm // what nobody asks for here
	server       *console.Server
	log          *console.Log
	begun        time.Time

	mu     sync.Mutex
	status console.Status
}

// node makes a node, which serves nobody yet.
func (f simulatedFarm) node(i int) (*simulatedNode, error) {
	identity, err := trust.New(f.name(i), [32]byte{1})
	if err != nil {
		return nil, err
	}
	n := &simulatedNode{log: console.NewLog(0), begun: time.Now(), status: f.status(i)}
	n.server = console.NewServer(n, n.log, slog.New(slog.DiscardHandler))
	o := console.Options{Node: f.name(i), Peers: identity, PeerPort: f.Port}
	if i == 0 {
		o.Keeper = access.NewKeeper(access.Options{File: f.Users})
	}
	n.server.Open(o)
	return n, nil
}

// status is what a node of such a farm says at rest: three rules, two checks.
func (f simulatedFarm) status(self int) console.Status {
	s := console.Status{
		Node: f.name(self), State: console.Up, View: 0x9f3a5c1e00d2b764, Settled: true,
		Checks:   []console.Check{{Name: "http", State: "up", Detail: "200 OK after 1.2 ms"}, {Name: "dns", State: "up", Detail: "answered after 0.8 ms"}},
		Services: []console.Service{{Name: "nginx", State: "up"}},
		VIPs:     []console.VIP{{Address: netip.MustParseAddr("192.0.2.100"), MAC: "5a:fe:c0:00:02:64", Mode: "flood", Responder: f.name(0)}},
		Cluster:  &console.Cluster{DetectionMS: 660},
		Lease:    &console.Lease{RemainingMS: 550, ConfirmedMS: 50},
	}
	shares := make(map[string]float64)
	for _, name := range []string{"web", "api", "dns"} {
		s.Rules = append(s.Rules, console.Rule{Name: name, Protocol: "tcp", Ports: []string{"80", "8000-8010"}, Affinity: "client", Buckets: 65536, Mine: 65536 / f.Nodes, Weight: 100, Flows: 1000})
		shares[name] = 1 / float64(f.Nodes)
	}
	for i := range f.Nodes {
		s.Nodes = append(s.Nodes, console.Node{Name: f.name(i), State: console.Up, Address: f.address(i), Shares: shares})
	}
	return s
}

// fail has a check of the node fail for that reason, as its daemon does: with an event,
// and nobody else notices.
func (n *simulatedNode) fail(reason string) {
	n.mu.Lock()
	n.status.State, n.status.Reason = console.Waiting, reason
	n.status.Checks = append([]console.Check{{Name: "http", State: "down", Detail: reason}}, n.status.Checks[1:]...)
	n.mu.Unlock()
	n.log.Add(console.Event{Kind: "check_down", Level: console.LevelWarn, Message: "check http is down: " + reason, Fields: map[string]string{"name": "http"}})
}

// Status is console.Farm's.
func (n *simulatedNode) Status() console.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.status
	s.Datapath = n.Datapath()
	return s
}

// Datapath counts as that of a busy node does.
func (n *simulatedNode) Datapath() console.Datapath {
	packets := uint64(time.Since(n.begun).Milliseconds()) * 100
	reasons := make(map[string]uint64)
	for i, name := range []string{"accepted", "accepted_known", "not_mine", "unknown_flow", "malformed", "fragment", "no_rule", "not_vip", "other_icmp", "late", "fenced", "parked"} {
		reasons[name] = packets >> i
	}
	return console.Datapath{Offload: "full", XDP: "native", Queues: 4, Accepted: packets, Rejected: 31 * packets, Asked: packets / 10, Opened: packets / 40, Reasons: reasons}
}

// Trial is none.
func (n *simulatedNode) Trial() console.Trial { return console.Trial{} }

// Buckets has each node have every so manieth.
func (n *simulatedNode) Buckets(rule string, cells int) (console.Buckets, error) {
	b := console.Buckets{Rule: rule, Step: 65536 / cells, Unsettled: []int{}}
	for _, one := range n.Status().Nodes {
		b.Nodes = append(b.Nodes, one.Name)
	}
	for i := range cells {
		b.Owners = append(b.Owners, i*7%len(b.Nodes))
	}
	return b, nil
}

// simulated is a farm of 32 nodes that is served, its first node by a process of its own.
type simulated struct {
	*farmtest.Farm
	on     *lab.Host
	people string // where its first node listens for people
	first  *lab.Process
	peers  []*simulatedNode
}

func (s simulated) url() string { return "https://" + s.people }

// startSimulated serves such a farm until the test ends.
func startSimulated(t *testing.T) simulated {
	t.Helper()
	f := farmtest.New(t, binary, lab.Config{Nodes: 1}, lab.FarmOptions{})
	farm := simulatedFarm{Nodes: 32, Port: 9454, People: "127.0.0.1:9453", Users: filepath.Join(f.Dir, "users"), Dir: f.Dir}
	s := simulated{Farm: f, on: f.Nodes[0].Host, people: farm.People}
	f.Must(addUsers(farm.Users))
	s.servePeers(farm)
	text, err := json.Marshal(farm)
	f.Must(err)
	s.first, err = s.on.StartWith(lab.ProcessOptions{Env: []string{simulatedVariable + "=" + string(text)}}, "/proc/self/exe")
	f.Must(err)
	f.Eventually(20*time.Second, "the console listens", func() bool {
		c, err := s.on.Dial(f.Ctx, "tcp", netip.AddrPort{}, netip.MustParseAddrPort(farm.People))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return s
}

// servePeers serves all nodes but the first.
func (s *simulated) servePeers(farm simulatedFarm) {
	s.T.Helper()
	for i := 1; i < farm.Nodes; i++ {
		n, err := farm.node(i)
		s.Must(err)
		l, err := s.on.Listen("tcp", netip.AddrPortFrom(farm.address(i), farm.Port).String())
		s.Must(err)
		served := make(chan error, 1)
		go func() { served <- n.server.ServePeers(l) }()
		s.T.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			s.Must(n.server.Shutdown(ctx))
			s.Must(<-served)
		})
		s.peers = append(s.peers, n)
	}
}
