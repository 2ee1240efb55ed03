package farm

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"thresher/config"
	"thresher/farm/wire"
)

// watchdog notices when frames for the VIPs do not reach every node. It belongs to
// the loop, which looks once a second anyway.
type watchdog struct {
	conn     *wire.Conn
	watch    *wire.Watch
	vips     []config.VIP
	numbers  map[netip.Addr]uint8
	askers   map[config.MAC]time.Time // who wants reports of its own, and when it said so
	nodes    map[config.MAC]reporter  // who reports, by the addresses that its frames come from
	problems []wire.Problem
}

// reporter is a node of the farm that has sent a report.
type reporter struct {
	name string
	at   time.Time
}

// askerPatience is how long after its last report somebody gets reports of its own.
const askerPatience = 3 * time.Second

func openWatchdog(p *parts) (*watchdog, error) {
	conn, err := wire.Open(p.ifi(), wire.Options{}, p.cfg.Cluster.SealKeys()...)
	if err != nil {
		return nil, err
	}
	self := wire.Report{
		From: wire.ID(rand.Uint64()), Name: p.cfg.Node, Digest: p.digest, Address: p.cfg.Cluster.Bind.Addr(),
	}
	w := &watchdog{
		conn: conn, watch: wire.NewWatch(self, len(p.cfg.VIPs)), vips: p.cfg.VIPs,
		numbers: make(map[netip.Addr]uint8), askers: make(map[config.MAC]time.Time), nodes: make(map[config.MAC]reporter),
	}
	for i, v := range p.cfg.VIPs {
		w.numbers[v.Address] = uint8(i)
	}
	return w, nil
}

// look takes in what has come, says what is to be said, and returns the problems.
func (w *watchdog) look(now time.Time, sends []uint8) ([]wire.Problem, error) {
	w.conn.Receive(func(p wire.Probe) {
		if vip, ok := w.numbers[p.VIP]; ok {
			w.watch.Seen(vip, p)
		}
	}, func(r wire.Report, from config.MAC) {
		w.watch.Heard(now, r)
		w.reported(now, r.Name, from)
		if r.Asks {
			w.asked(now, from)
		}
	})
	probes, report := w.watch.Tick(now, sends)
	var errs []error
	for _, p := range probes {
		vip := w.vips[p.VIP]
		errs = append(errs, w.conn.Probe(vip, wire.Probe{From: report.From, VIP: vip.Address, Seq: p.Seq}))
	}
	errs = append(errs, w.conn.Report(report, w.asking(now)...))
	return w.watch.Problems(), errors.Join(errs...)
}

// reported takes note of where a node's frames come from.
func (w *watchdog) reported(now time.Time, name string, from config.MAC) {
	maps.DeleteFunc(w.nodes, func(_ config.MAC, r reporter) bool { return now.Sub(r.at) > strangerGrace })
	if _, known := w.nodes[from]; known || len(w.nodes) < maxAskers {
		w.nodes[from] = reporter{name, now}
	}
}

// maxAskers bounds who gets reports of its own: all nodes of the largest farm.
const maxAskers = 32

// asked takes note of one who wants reports of its own.
func (w *watchdog) asked(now time.Time, from config.MAC) {
	if _, known := w.askers[from]; known || len(w.askers) < maxAskers {
		w.askers[from] = now
	}
}

func (w *watchdog) asking(now time.Time) (stations []config.MAC) {
	for mac, since := range w.askers {
		if now.Sub(since) > askerPatience {
			delete(w.askers, mac)
			continue
		}
		stations = append(stations, mac)
	}
	return stations
}

// watchWire lets the watchdog look, and tells what is new. A node that is alone
// sends no probes: nobody would miss them.
func (l *loop) watchWire(now time.Time) {
	var sends []uint8
	if len(l.division.View.Nodes) > 1 {
		sends = l.bindings.probes
	}
	problems, err := l.watchdog.look(now, sends)
	if err != nil {
		l.log.Warn("whether frames for the VIPs reach every node is not known", "err", err)
	}
	before := l.watchdog.problems
	l.watchdog.problems = problems
	for _, p := range problems {
		if !containsProblem(before, p) {
			what, cure := p.Text(l.cfg.VIPs)
			l.events.wireBlind(p.Node, l.cfg.VIPs[p.VIP], what, cure)
		}
	}
	if len(before) > 0 && len(problems) == 0 {
		l.events.wireRestored()
	}
}

func containsProblem(all []wire.Problem, p wire.Problem) bool {
	return slices.ContainsFunc(all, func(o wire.Problem) bool {
		return o.VIP == p.VIP && o.Node == p.Node && slices.Equal(o.From, p.From)
	})
}

// texts are the problems as the status has them.
func (w *watchdog) texts() []string {
	var all []string
	for _, p := range w.problems {
		what, cure := p.Text(w.vips)
		all = append(all, what+": "+cure)
	}
	return all
}
