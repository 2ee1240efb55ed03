package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/perf/engine"
	"thresher/perf/lab"
)

// echoPort is the service of a failover.
const echoPort = 7

// echoService is the VIP's.
var echoService = netip.AddrPortFrom(lab.VIP(), echoPort)

// wholePatience is how long a farm may take until all nodes take part.
const wholePatience = 30 * time.Second

// contestant is a way to make several nodes one service.
type contestant struct {
	name, title string
	// start starts the daemon of a node.
	start func(f *failoverFarm, n *lab.Node) (*lab.Process, error)
	// out takes a node out in order, in takes it back, and again restarts its
	// daemon.
	out, in, again func(ctx context.Context, f *failoverFarm, n *lab.Node) error
	// whole says whether all nodes take part.
	whole func(ctx context.Context, f *failoverFarm) (bool, error)
}

// contestants are Thresher and VRRP, with its default of an advertisement a second
// and with ten.
func contestants(o Options) []contestant {
	return []contestant{
		threshers(o.Binary),
		vrrp("keepalived", "keepalived (VRRP), advert_int 1", "1"),
		vrrp("keepalived-0.1", "keepalived (VRRP), advert_int 0.1", "0.1"),
	}
}

func threshers(binary string) contestant {
	command := func(verb string) func(context.Context, *failoverFarm, *lab.Node) error {
		return func(ctx context.Context, _ *failoverFarm, n *lab.Node) error {
			_, err := n.CLI(ctx, binary, verb)
			return err
		}
	}
	return contestant{
		name: "thresher", title: "Thresher",
		start: func(f *failoverFarm, n *lab.Node) (*lab.Process, error) {
			yaml, err := n.NodeConfig(lab.FarmOptions{TCPPorts: []int{echoPort}, Affinity: "session", KeyFile: f.key})
			if err != nil {
				return nil, err
			}
			return n.StartDaemon(binary, yaml)
		},
		out: command("drain"), in: command("start"), again: command("restart"),
		whole: func(ctx context.Context, f *failoverFarm) (bool, error) { return f.shared(ctx) },
	}
}

// failoverFarm is a lab with a contestant's daemons.
type failoverFarm struct {
	*lab.Lab
	contestant contestant
	daemons    map[string]*lab.Process
	key        string
	struck     *lab.Node // to which the event happened
}

// newFailoverFarm returns when all nodes take part. The caller closes it.
func newFailoverFarm(ctx context.Context, c contestant) (*failoverFarm, error) {
	if c.name != "thresher" {
		if _, err := exec.LookPath("keepalived"); err != nil {
			return nil, &engine.Unavailable{Reason: "keepalived is not installed (Debian: apt-get install keepalived)"}
		}
	}
	l, err := lab.New(ctx, lab.Config{Nodes: failoverNodes, Clients: 1})
	if err != nil {
		return nil, err
	}
	f := &failoverFarm{Lab: l, contestant: c, daemons: make(map[string]*lab.Process), key: filepath.Join(l.Dir, "key")}
	keys, err := config.NewKeys(rand.Reader)
	if err == nil {
		err = config.WriteKeys(f.key, keys)
	}
	for _, n := range f.Nodes {
		if err == nil {
			err = f.boot(n)
		}
	}
	if err == nil {
		err = f.awaitWhole(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// boot starts what a node runs.
func (f *failoverFarm) boot(n *lab.Node) error {
	if _, err := n.StartTCPEcho(fmt.Sprintf("0.0.0.0:%d", echoPort)); err != nil {
		return err
	}
	return f.startDaemon(n)
}

func (f *failoverFarm) startDaemon(n *lab.Node) error {
	p, err := f.contestant.start(f, n)
	if err == nil {
		f.daemons[n.Name] = p
	}
	return err
}

// awaitWhole waits until all nodes take part and the service answers.
func (f *failoverFarm) awaitWhole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wholePatience)
	defer cancel()
	for {
		whole, err := f.contestant.whole(ctx, f)
		if err == nil && whole {
			return nil
		}
		if waited := pause(ctx, 50*time.Millisecond); waited != nil {
			return fmt.Errorf("bench: not all nodes take part: %w", errors.Join(err, waited))
		}
	}
}

// shared says whether every Thresher serves its share.
func (f *failoverFarm) shared(ctx context.Context) (bool, error) {
	mine := 0
	for _, n := range f.Nodes {
		s, err := statusOf(ctx, n)
		if err != nil || s.State != console.Up || !s.Settled || len(s.Rules) == 0 {
			return false, err
		}
		mine += s.Rules[0].Mine
		if mine == s.Rules[0].Buckets && n == f.Nodes[len(f.Nodes)-1] {
			return true, nil
		}
	}
	return false, nil
}

func statusOf(ctx context.Context, n *lab.Node) (s console.Status, err error) {
	c, err := console.NewClient("unix://" + n.Socket())
	if err != nil {
		return s, err
	}
	defer c.Close()
	return c.Status(ctx)
}

// victim is the node to which something is to happen: the one that serves, where
// only one does. That is told by who answers the client.
func (f *failoverFarm) victim(ctx context.Context) (*lab.Node, error) {
	watch, err := f.Clients[0].WatchHandshakes()
	if err != nil {
		return nil, err
	}
	defer watch.Close()
	for range 100 {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
		for _, h := range watch.All() {
			for _, n := range f.Nodes {
				if len(h.By) > 0 && h.By[0] == n.MAC {
					return n, nil
				}
			}
		}
	}
	return nil, errors.New("bench: nobody answers the client")
}

func (f *failoverFarm) powerOff(_ context.Context, n *lab.Node) error { return f.PowerOff(n) }

func (f *failoverFarm) powerOn(ctx context.Context, n *lab.Node) error {
	return errors.Join(f.PowerOn(ctx, n), f.boot(n))
}

func (f *failoverFarm) hang(_ context.Context, n *lab.Node) error   { return n.Pause() }
func (f *failoverFarm) resume(_ context.Context, n *lab.Node) error { return n.Resume() }

func (f *failoverFarm) unplug(_ context.Context, n *lab.Node) error { return f.PortUp(n.Host, false) }
func (f *failoverFarm) plug(_ context.Context, n *lab.Node) error   { return f.PortUp(n.Host, true) }

func (f *failoverFarm) takeOut(ctx context.Context, n *lab.Node) error {
	return f.contestant.out(ctx, f, n)
}

func (f *failoverFarm) putBack(ctx context.Context, n *lab.Node) error {
	return f.contestant.in(ctx, f, n)
}

func (f *failoverFarm) restart(ctx context.Context, n *lab.Node) error {
	return f.contestant.again(ctx, f, n)
}

func (f *failoverFarm) stopDaemon(ctx context.Context, n *lab.Node) error {
	return f.daemons[n.Name].Stop(ctx)
}
