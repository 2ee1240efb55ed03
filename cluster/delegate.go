package cluster

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// ForgetAfter is how long a member that is gone stays listed, so that status can
// show it as unreachable and names of the past don't pile up.
const ForgetAfter = time.Hour

// nameTaken starts the text of the error by which a merge is refused. memberlist
// flattens errors to text, so that Join can know it again only by its words.
const nameTaken = "another live machine has this node's name"

// delegate is what memberlist calls. It is called inside the receive loop and
// under memberlist's own lock, so nothing here blocks or calls memberlist back.
//
// It keeps the list of members itself, from the events, instead of asking
// memberlist.Members: that returns pointers into state which memberlist goes on
// changing, so reading a Node's Meta races with the next update (a slice, so the
// race can tear it). The events come under the lock that guards the state, each
// change makes one, and they come in order: the copy is exact.
type delegate struct {
	self   string
	log    *logAdapter
	paths  *paths
	direct *direct
	bell   chan struct{} // one slot: a pending ring stands for all changes so far

	inbox             chan Message
	received, dropped atomic.Uint64 // messages

	mu      sync.Mutex
	meta    []byte // what this node tells, encoded
	members map[string]entry
}

// entry is a member and, when it is not alive, since when.
type entry struct {
	member Member
	gone   time.Time
}

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
	_ memberlist.MergeDelegate    = (*delegate)(nil)
	_ memberlist.PingDelegate     = (*delegate)(nil)
)

func newDelegate(self string, p *paths, log *logAdapter) *delegate {
	return &delegate{
		self: self, log: log, paths: p, direct: newDirect(),
		bell:    make(chan struct{}, 1),
		inbox:   make(chan Message, inboxLen),
		members: make(map[string]entry),
	}
}

// NodeMeta returns this node's metadata. Encode keeps it below the limit.
func (d *delegate) NodeMeta(int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meta
}

func (d *delegate) setMeta(meta []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meta = meta
}

// NotifyJoin, NotifyUpdate and NotifyLeave copy the member's state and ring.
func (d *delegate) NotifyJoin(n *memberlist.Node)   { d.record(n, true) }
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.record(n, true) }
func (d *delegate) NotifyLeave(n *memberlist.Node)  { d.record(n, false) }

func (d *delegate) record(n *memberlist.Node, alive bool) {
	m := Member{Name: n.Name, Address: nodeAddress(n), Alive: alive}
	m.Meta, m.Err = DecodeMeta(n.Meta)
	if m.Err != nil {
		m.Meta = Meta{}
	}
	if n.Name != d.self {
		d.paths.learn(m, time.Now())
		d.direct.note(m.Name, alive, time.Now())
	}
	e := entry{member: m}
	if !alive {
		e.gone = time.Now()
	}
	d.mu.Lock()
	d.members[n.Name] = e
	d.mu.Unlock()
	select {
	case d.bell <- struct{}{}:
	default:
	}
}

// list returns the members in no order, and forgets those long gone.
func (d *delegate) list() []Member {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Member, 0, len(d.members))
	for name, e := range d.members {
		if !e.member.Alive && time.Since(e.gone) > ForgetAfter {
			delete(d.members, name)
			d.paths.forget(name)
			continue
		}
		e.member.Relayed = e.member.Alive && !d.direct.reaches(name, time.Now())
		list = append(list, e.member)
	}
	return list
}

// member returns what is known of one node.
func (d *delegate) member(name string) (Member, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.members[name]
	return e.member, ok
}

// own returns this node's own entry.
func (d *delegate) own() Member {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.members[d.self].member
}

// NotifyConflict reports two addresses for one live name. memberlist keeps the
// one that it had. It calls this for as long as the other goes on, so the log
// adapter holds the report back to one in ten seconds.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.reportConflict(other.Name, nodeAddress(existing), nodeAddress(other))
}

func (d *delegate) reportConflict(name string, known, other netip.AddrPort) {
	d.log.emit(slog.LevelError,
		fmt.Sprintf("two machines have the name %q, at %s and at %s: give each node a name of its own (node.name)", name, known, other))
}

// NotifyMerge refuses to join a farm, and to be joined by a machine, that has a
// live member of this node's name at another address. memberlist asks before it
// merges anything, on both sides of a join. A suspected member counts as live: it
// is until it is declared dead.
func (d *delegate) NotifyMerge(peers []*memberlist.Node) error {
	own := d.own().Address
	for _, p := range peers {
		live := p.State == memberlist.StateAlive || p.State == memberlist.StateSuspect
		if address := nodeAddress(p); p.Name == d.self && live && address != own {
			d.reportConflict(d.self, own, address)
			return fmt.Errorf("%s: %q is at %s", nameTaken, d.self, address)
		}
	}
	return nil
}

// NotifyMsg passes a message on. memberlist uses b again.
func (d *delegate) NotifyMsg(b []byte) {
	if len(b) == 0 {
		d.dropped.Add(1)
		return
	}
	select {
	case d.inbox <- Message{Kind: b[0], Payload: bytes.Clone(b[1:])}:
		d.received.Add(1)
	default:
		d.dropped.Add(1)
	}
}

// GetBroadcasts, LocalState and MergeRemoteState are not used: what all nodes are
// to know is metadata.
func (d *delegate) GetBroadcasts(_, _ int) [][]byte { return nil }
func (d *delegate) LocalState(bool) []byte          { return nil }
func (d *delegate) MergeRemoteState([]byte, bool)   {}

// nodeAddress returns where a node gossips. memberlist may have IPv4 addresses in
// 16 bytes.
func nodeAddress(n *memberlist.Node) netip.AddrPort {
	a, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(a.Unmap(), n.Port)
}
