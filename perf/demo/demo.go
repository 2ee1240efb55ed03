// Package demo shows a farm at work: it builds one inside this machine, sends
// it real requests, kills a node, and tells what the clients saw.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/perf/lab"
)

// Options say what to show.
type Options struct {
	// Binary is the program that runs on each node.
	Binary string
	// Nodes is the size of the farm, 2 to 32.
	Nodes int
	// Out shows what happens: as a live picture on a terminal, else line by line.
	Out io.Writer
	// Hold keeps the farm up at the end until the context ends, and says what to type.
	Hold bool
}

// clients is how many client addresses send requests. With 400 of them and
// three nodes, a node's part is 33 % ± 2.4 % (binomial).
const clients = 400

// convergence is how long the farm may take to agree after a start.
const convergence = 15 * time.Second

// demo is one run.
type demo struct {
	Options
	lab     *lab.Lab
	daemons []*lab.Process
	capture *lab.Capture
	picture *picture
	// opened counts the connections, each of which has a port of its own: one taken
	// again after the kill may rightly be another node's.
	opened atomic.Uint32
}

// errInterrupted is the end of a demo that was not let finish. By the time that
// anybody reads it, everything is taken away.
var errInterrupted = errors.New("interrupted; everything that the demo made is gone again")

// Run builds the farm, shows it, and takes everything away again, also when ctx
// ends early.
func Run(ctx context.Context, o Options) (Result, error) {
	result, err := run(ctx, o)
	if err != nil && ctx.Err() != nil {
		return result, errInterrupted
	}
	return result, err
}

func run(ctx context.Context, o Options) (result Result, err error) {
	l, err := lab.New(ctx, lab.Config{Nodes: o.Nodes, Clients: 1, ClientAddresses: clients})
	if err != nil {
		return result, err
	}
	d := &demo{Options: o, lab: l, picture: newPicture(o.Out, l)}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := d.start(ctx); err != nil {
		return result, err
	}
	unwatch := d.watch(ctx)
	result, err = d.show(ctx)
	unwatch()
	if err != nil || !o.Hold {
		return result, err
	}
	return result, d.hold(ctx)
}

// start brings up a web server and a daemon on each node.
func (d *demo) start(ctx context.Context) error {
	d.picture.say("starting %d nodes behind %s", len(d.lab.Nodes), lab.VIP())
	keys, err := config.NewKeys(rand.Reader)
	if err != nil {
		return err
	}
	keyFile := filepath.Join(d.lab.Dir, "key")
	if err := config.WriteKeys(keyFile, keys); err != nil {
		return err
	}
	for _, node := range d.lab.Nodes {
		if _, err := node.StartHTTP(":80", nil); err != nil {
			return err
		}
		// The kill is to be the loss of a machine: nothing of the node goes on.
		yaml, err := node.NodeConfig(lab.FarmOptions{TCPPorts: []int{80}, KeyFile: keyFile, Unpinned: true})
		if err != nil {
			return err
		}
		daemon, err := node.StartDaemon(d.Binary, yaml)
		if err != nil {
			return err
		}
		d.daemons = append(d.daemons, daemon)
	}
	if d.capture, err = d.lab.Clients[0].Capture(); err != nil {
		return err
	}
	return d.converge(ctx, len(d.lab.Nodes))
}

// show is the demo itself.
func (d *demo) show(ctx context.Context) (Result, error) {
	r := Result{Nodes: len(d.lab.Nodes)}
	d.picture.say("%d clients, one request each", clients)
	before, err := d.traffic(ctx, once)
	if err != nil {
		return r, err
	}
	r.before(before)

	victim := len(d.lab.Nodes) - 1
	name := d.lab.Nodes[victim].Name
	killed := time.Now()
	if err := d.daemons[victim].Kill(); err != nil {
		return r, err
	}
	d.picture.killed(victim)
	d.picture.say("%s is killed (SIGKILL); every client asks until it is answered", name)
	after, err := d.traffic(ctx, untilAnswered)
	if err != nil {
		return r, err
	}
	r.after(before, after, name, killed)

	if err := d.comeBack(ctx, victim); err != nil {
		return r, err
	}
	duplicates := d.capture.Duplicates()
	r.Duplicates = len(duplicates)
	for _, twice := range duplicates[:min(len(duplicates), 5)] {
		f := twice.Flow
		d.picture.say("a %v to %v port %d from two nodes: %v", f.Kind, f.Client, f.ClientPort, twice.Sources)
	}
	r.OK = len(r.Problems()) == 0
	return r, d.capture.Check()
}

// comeBack starts the killed node again and shows that it has its part back.
func (d *demo) comeBack(ctx context.Context, victim int) error {
	node := d.lab.Nodes[victim]
	// A busy machine takes its time to end a process, which has the node's lock until then.
	select {
	case <-d.daemons[victim].Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	d.picture.say("%s comes back", node.Name)
	daemon, err := node.Start(d.Binary, "run", "--config", node.ConfigFile())
	if err != nil {
		return err
	}
	d.daemons[victim] = daemon
	d.picture.back(victim)
	if err := d.converge(ctx, len(d.lab.Nodes)); err != nil {
		return err
	}
	_, err = d.traffic(ctx, once)
	return err
}

// converge waits until every node sees n nodes up and serves.
func (d *demo) converge(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, convergence)
	defer cancel()
	for {
		if d.agreed(ctx, n) {
			return nil
		}
		for i, p := range d.daemons {
			select {
			case <-p.Done():
				return fmt.Errorf("the daemon of %s has ended; it said:\n%s", d.lab.Nodes[i].Name, p.Tail(1000))
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the nodes did not find together within %v", convergence)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// agreed asks every node whether it sees n nodes up.
func (d *demo) agreed(ctx context.Context, n int) bool {
	for i, node := range d.lab.Nodes {
		up, share, err := look(ctx, node)
		if err != nil || up < n {
			return false
		}
		d.picture.share(i, share)
	}
	return true
}

// watch keeps the shares of the picture up to date until the function that it
// returns is called. Where nobody watches it does nothing.
func (d *demo) watch(ctx context.Context) (stop func()) {
	if !d.picture.watched() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for pause(ctx, frameTime) == nil {
			for i, node := range d.lab.Nodes {
				if _, share, err := look(ctx, node); err == nil {
					d.picture.share(i, share)
				}
			}
		}
	})
	return func() { cancel(); watching.Wait() }
}

// look asks one daemon how many nodes it sees up, and what its own part is.
func look(ctx context.Context, node *lab.Node) (up int, share float64, err error) {
	client, err := console.NewClient("unix://" + node.Socket())
	if err != nil {
		return 0, 0, err
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, n := range status.Nodes {
		if n.State == console.Up {
			up++
		}
	}
	for _, r := range status.Rules {
		share = float64(r.Mine) / float64(r.Buckets)
	}
	return up, share, nil
}
