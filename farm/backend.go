package farm

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/console"
	"thresher/farm/clock"
	"thresher/health"
	"thresher/xsk"
)

// backend is a node without VIPs: a balancer in front sends it clients, as its health
// URL says. It has no packet path, changes nothing about this machine, and promises
// the other nodes nothing. Its methods run on its loop's goroutine.
type backend struct {
	*local
	machine *machine
}

var _ front = (*backend)(nil)

// backendPatience is how old what a process has left may be: nobody has taken over
// from it, and its services go on.
const backendPatience = 30 * time.Second

// runBackend is Run of a node without VIPs.
func runBackend(ctx context.Context, l *local) error {
	b := &backend{local: l}
	b.front, b.app = b, newApplication(b.cfg, b.events, 0)
	if err := b.start(); err != nil {
		return errors.Join(err, b.close())
	}
	b.begin()
	err := b.serve(ctx)
	if err == nil && b.self.HandOver {
		b.left.Taken = clock.Now()
		if err = b.leaveFile(b.left); err == nil {
			return nil // the process ends: services go on, and the others wait
		}
		b.quit(err, newApplication(b.cfg, b.events, 0))
	}
	return errors.Join(err, b.close())
}

// start takes back what an earlier run with VIPs has left, and finds the others.
func (b *backend) start() (err error) {
	if b.handed, err = b.inherit(); err != nil {
		return err
	}
	for _, f := range health.OwnAddresses(b.cfg.Cluster.Binds()) {
		if f.Level == health.LevelError {
			return errors.New(f.What + "; " + f.Cure)
		}
	}
	if b.machine, err = takeOver(b.cfg.RunDir, b.cfg.Node, b.handed.lock()); err != nil {
		return err
	}
	if b.handed == nil {
		b.handed = pickUp(b.cfg, backendPatience, b.log)
	}
	if err := errors.Join(xsk.RemovePins(xsk.PinDir(b.cfg.RunDir, b.cfg.Node)), b.machine.journal.Undo()); err != nil {
		return err
	}
	if b.handed != nil {
		b.handed.resumed = true // there is no promise to others that it could have outlived
	}
	b.handed.resumeWeights(b.weights)
	b.handed.resume(b.local)
	if err := b.joinCluster(); err != nil {
		return err
	}
	return b.openAPI()
}

// begin has the node go on, or come up or not.
func (b *backend) begin() {
	if b.handed != nil {
		b.resume(b.handed)
	}
	b.boot()
}

// close is the end of it all.
func (b *backend) close() error {
	err := b.local.stop()
	if b.machine != nil {
		err = errors.Join(err, b.machine.release())
	}
	return err
}

func (b *backend) run(ctx context.Context) error {
	defer close(b.ended)
	var pause time.Duration
	if b.handed != nil {
		pause = clock.Now().Sub(b.handed.Taken)
	}
	b.restarted(pause)
	joined := make(chan error, 1)
	go func() { joined <- b.cluster.Join(ctx) }()
	defer b.gossiping()()
	var answer chan struct{} // of who asked last, if somebody did
	for {
		b.settle()
		if answer != nil {
			close(answer)
			answer = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-b.failed:
			return err
		case err := <-joined:
			if err != nil {
				return ignoreCancelled(ctx, err)
			}
			b.life.join()
			b.rejoining = false
		case <-b.cluster.Changed():
		case <-b.alarm.C:
		case <-b.app.supervisor.Changed():
		case a := <-b.asks:
			a.do()
			answer = a.done
		}
	}
}

// settle makes services, health URL and the other nodes agree with the node as it
// stands.
func (b *backend) settle() {
	now := time.Now()
	members := b.cluster.Members()
	if !b.rejoining {
		b.roster.update(time.Now(), members, nil, b.events)
	}
	b.networks.update(b.cluster.Cuts(), members, b.events)
	b.watchJoin(now)
	b.endDrain(now)
	b.consult(now)
	b.advance(now, obstacle(cluster.Refused(b.cfg.Node, members, b.digest)))
	b.take()
	b.direct(now)
	b.heed(now)
	b.tell()
	b.showHealth()
	b.wakeUp(now)
}

// endDrain gives a drain without a deadline one: which connections are clients', and
// whether there will be more, the balancer knows.
func (b *backend) endDrain(now time.Time) {
	if b.life.state == console.Draining && b.life.drainEnd.IsZero() {
		b.life.drainEnd = now.Add(b.cfg.Life.StopDrain)
	}
}

// advance brings the node up when nothing is in its way: nobody else has to agree.
func (b *backend) advance(now time.Time, obstacle string) {
	phase := confirm.Up
	if obstacle != "" && b.life.state != console.Up {
		phase = confirm.Starting
	}
	b.life.advance(now, obstacle, phase)
}

func (b *backend) take() { b.takes = b.life.takesPart() }

// flowsLeft is more than any: the balancer has the connections.
func (b *backend) flowsLeft() int { return math.MaxInt }

func (b *backend) attend(context.Context) (wait func()) { return func() {} }

// leave says by the health URL that the node is out, and to the others that it goes.
// Where services are about to be stopped, the balancer gets the time to hear of it; a
// second signal ends that.
func (b *backend) leave() {
	serves := b.life.state == console.Up || b.life.state == console.Draining
	b.end()
	b.showHealth()
	b.goodbye()
	if serves && len(b.cfg.Services) > 0 && b.cfg.HealthListen.IsValid() {
		again, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		pause(again, b.cfg.Life.StopDrain)
	}
}

// pause waits for so long, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	ctx, end := context.WithTimeout(ctx, d)
	defer end()
	<-ctx.Done()
}

// restart hands on no kernel program: where one was prepared, the file has VIPs by now,
// and the next process begins anew.
func (b *backend) restart(*xsk.Prepared) error { return b.restartFailed(b.runAnew()) }

func (b *backend) runAnew() (err error) {
	b.self.flush(logPatience)
	h := b.handOver()
	h.Taken, h.Descriptors.Lock = clock.Now(), b.machine.lock.Descriptor()
	if h.Descriptors.API, err = b.listening(); err != nil {
		return err
	}
	return b.become(h)
}

func (b *backend) status() console.Status {
	s := console.Status{
		Node: b.cfg.Node, State: b.life.state, Reason: b.life.reason, Withdrawn: b.weights.withdrawnAll(),
		BehindBalancer: true, Settled: true, Rules: []console.Rule{}, VIPs: []console.VIP{}, Checks: []console.Check{}, Services: []console.Service{},
		ConfigDigest: digestText(b.digest), Cluster: b.clusterStatus(), Fingerprint: b.api.fingerprint(),
	}
	for _, name := range b.roster.names() {
		s.Nodes = append(s.Nodes, b.roster.shown(name, map[string]float64{}))
	}
	b.healthStatus(&s)
	return s
}

// setKeys changes nothing: a backend has no heartbeats.
func (b *backend) setKeys([][32]byte) error { return nil }

func (b *backend) datapathStatus() console.Datapath { return console.Datapath{} }

// errNoVIP answers what is about VIPs.
var errNoVIP = &console.Error{
	Code: console.CodeConflict, Message: "this farm has no VIP", Cure: "ask the balancer in front of it: it decides who serves which client",
}

func (b *backend) buckets(string, int) (console.Buckets, error) { return console.Buckets{}, errNoVIP }

func (b *backend) capture(context.Context, console.CaptureOptions) (*capture, error) {
	return nil, errNoVIP
}

func (b *backend) where(netip.Addr, uint16, string) ([]console.Where, error) {
	return nil, errNoVIP
}

// served are the rules that checks, services and agents speak of: a node without
// rules has one without a name, which is all that it serves.
func served(cfg *config.Config) []string {
	if len(cfg.Rules) == 0 {
		return []string{everyRule}
	}
	names := make([]string, len(cfg.Rules))
	for i, r := range cfg.Rules {
		names[i] = r.Name
	}
	return names
}
