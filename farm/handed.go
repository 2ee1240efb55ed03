package farm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/console"
	"thresher/farm/confirmation"
	"thresher/farm/host"
	"thresher/health/notify"
	"thresher/health/supervise"
	"thresher/xsk"
)

// handedVersion is the version of what one process hands to the next. A process
// that is handed another one begins anew.
const handedVersion = 1

// handed is what a process needs to go on where the one before it stopped
// (docs/decisions/0008-restart-in-place.md). A nil one is that of a process that
// begins anew.
type handed struct {
	Version int
	// What must be the same for anything of it to be of use.
	Node, Interface, RunDir, Socket string
	// Digest must be the same for the protocol's part: peers with another one
	// divide the buckets in another way.
	Digest uint64

	confirmation.Handed // the protocol's part; in the text, its fields stand beside the others
	XDP                 config.XDPMode

	VIPs        []config.VIP // as they were
	Life        handedLife
	View        confirm.ViewID // the last that was told
	Responders  map[netip.Addr]string
	Roster      map[string]handedNode
	Descriptors descriptors
	Application *handedApplication // services and checks; nil where there are none
	Weights     handedWeights
	// Notify is what people and programs have not been told yet.
	Notify []notify.Waiting

	events  []byte // of the log: left encoded until there is time for it
	resumed bool   // the protocol went on
}

// handedLife is life, as it is handed on.
type handedLife struct {
	State     console.NodeState
	Reason    string
	Action    action
	Joined    bool
	Cut       bool
	Held      time.Time
	Comebacks []time.Time
	DrainEnd  time.Time
	Stopping  bool
	Boots     time.Time
}

// handedApplication is application, as it is handed on.
type handedApplication struct {
	Supervisor supervise.Handed
	Wanted     bool
	Withdrawn  map[string]string
	Rising     time.Time // zero if the weight did not grow, and of a release that did not say
	// Services are those that ran, for the ones that the next process has not got.
	Services []config.Service
}

// handedNode is a rosterEntry, as it is handed on.
type handedNode struct {
	Address netip.AddrPort
	Further []netip.AddrPort
	State   console.NodeState
	Blocked bool
	Digest  uint64
	Left    bool
	Since   time.Time // zero of a release that did not say
}

// descriptors are open files that this process had before it ran its program
// anew; 0 stands for none, and takes the place of one that has got an owner.
type descriptors struct {
	Lock, API, XDP, TCX int
	Filters             map[string]int // by Ethernet address
	Prepared            *xsk.Prepared  // nil if the kernel program is to be loaded
}

// encode writes what is handed on, and then the events: they are many, and not
// needed at once.
func (h *handed) encode(events []console.Event) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	if err := errors.Join(e.Encode(h), e.Encode(events)); err != nil {
		return nil, fmt.Errorf("write what is to be handed over: %w", err)
	}
	return b.Bytes(), nil
}

// decodeHanded reads it. Of another version, only what is open is of use.
func decodeHanded(b []byte) (*handed, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	h := new(handed)
	if err := d.Decode(h); err != nil {
		return nil, fmt.Errorf("read what was handed over: %w", err)
	}
	if h.Version != handedVersion {
		return h, fmt.Errorf("what was handed over is of version %d, this release reads version %d", h.Version, handedVersion)
	}
	h.events = b[d.InputOffset():]
	return h, nil
}

// fits tells whether it is of the node that cfg describes.
func (h *handed) fits(cfg *config.Config) bool {
	return h.Node == cfg.Node && h.Interface == cfg.Interface && h.RunDir == cfg.RunDir && h.Socket == cfg.API.Socket
}

// lock is that of the node, nil if there is none to go on with.
func (h *handed) lock() *host.Lock {
	if h == nil || h.Descriptors.Lock == 0 {
		return nil
	}
	return host.InheritLock(take(&h.Descriptors.Lock))
}

// listener is the API's, nil if there is none to go on with.
func (h *handed) listener() (net.Listener, error) {
	if h == nil || h.Descriptors.API == 0 {
		return nil, nil
	}
	return console.AdoptUnix(take(&h.Descriptors.API))
}

// waiting is what the process before has not told those who are notified.
func (h *handed) waiting() []notify.Waiting {
	if h == nil {
		return nil
	}
	return h.Notify
}

// prepared is the kernel program that was loaded for this process; nil if none was.
func (h *handed) prepared() *xsk.Prepared {
	if h == nil {
		return nil
	}
	return take(&h.Descriptors.Prepared)
}

// filters are those that go with the process.
func (h *handed) filters() map[config.MAC]*host.MACFilter {
	filters := make(map[config.MAC]*host.MACFilter)
	if h != nil {
		for text, fd := range take(&h.Descriptors.Filters) {
			filters[macOf(text)] = host.InheritMACFilter(fd)
		}
	}
	return filters
}

// hooks are those that were not pinned.
func (h *handed) hooks() (*xsk.Hooks, error) {
	xdp, tcx := take(&h.Descriptors.XDP), take(&h.Descriptors.TCX)
	unix.CloseOnExec(xdp)
	if tcx == 0 {
		tcx = -1
	} else {
		unix.CloseOnExec(tcx)
	}
	return xsk.HooksFrom(h.XDP, xdp, tcx)
}

// take is for the owner of what was handed over, who closes it from now on.
func take[T any](from *T) (taken T) {
	taken, *from = *from, taken
	return taken
}

// close gives back what has got no owner: a start that fails may be followed by
// another one in this process (trial.FallBack), which must find nothing of it open. The
// API's socket goes from the disk with it.
func (h *handed) close() error {
	if h == nil {
		return nil
	}
	l, err := h.listener()
	if l != nil {
		err = errors.Join(err, l.Close())
	}
	rest := take(&h.Descriptors)
	closeAll(rest.list())
	return err
}

// phase is what the others are told first.
func (h *handed) phase() cluster.Phase {
	if h == nil || !h.resumed {
		return cluster.Starting
	}
	l := h.Life.life()
	return l.phase()
}

// life is life as it was.
func (h handedLife) life() life {
	return life{
		state: h.State, reason: h.Reason, action: h.Action, joined: h.Joined, cut: h.Cut, held: h.Held,
		damper: damper{comebacks: h.Comebacks}, drainEnd: h.DrainEnd, stopping: h.Stopping,
		boots: h.Boots,
	}
}

func handLife(l life) handedLife {
	return handedLife{
		State: l.state, Reason: l.reason, Action: l.action, Joined: l.joined, Cut: l.cut, Held: l.held,
		Comebacks: l.damper.comebacks, DrainEnd: l.drainEnd, Stopping: l.stopping,
		Boots: l.boots,
	}
}

func (r *roster) hand() map[string]handedNode {
	nodes := make(map[string]handedNode)
	for name, e := range r.nodes {
		nodes[name] = handedNode{
			Address: e.address, Further: e.further, State: e.state, Blocked: e.blocked, Digest: e.digest, Left: e.left, Since: e.since,
		}
	}
	return nodes
}

// resume goes on with the nodes that were handed on. Those of which it was not said since
// when they are known, this process has just met.
func (r *roster) resume(now time.Time, nodes map[string]handedNode) {
	for name, n := range nodes {
		r.nodes[name] = rosterEntry{
			address: n.Address, further: n.Further, state: n.State, blocked: n.Blocked, digest: n.Digest, left: n.Left, since: cmp.Or(n.Since, now),
		}
	}
}
