package sticky

import (
	"cmp"
	"slices"

	"thresher/cluster/confirm"
)

// owner is what a node knows and asks as the owner of buckets.
type owner struct {
	pending  map[Client]*pending
	verdicts map[Client]string // those given to the data path since it last forgot: who keeps the client, "" for this node
	away     []away            // those that are another's, the oldest first
	next     confirm.Time      // when questions are repeated; 0 for never
}

// pending is a client that is being asked about.
type pending struct {
	since confirm.Time
	first uint64 // the number of the first question; answers to earlier ones do not count
	not   map[string]bool
}

// away is a client that another node was said to remember, until when that is
// believed.
type away struct {
	client Client
	until  confirm.Time
}

func newOwner() owner {
	return owner{pending: make(map[Client]*pending), verdicts: make(map[Client]string)}
}

// Asked tells of clients whose SYNs wait for a verdict.
func (n *Node) Asked(now confirm.Time, clients []Client) Actions {
	n.begin(now)
	n.judgePeers()
	for _, c := range clients {
		if !n.state.Held.Has(c.Rule, int(c.Bucket)) || len(n.owner.pending) >= MaxPending {
			continue
		}
		n.counts.asked++
		if p := n.owner.pending[c]; p != nil {
			p.since = n.now
			continue
		}
		n.owner.pending[c] = &pending{since: n.now, not: make(map[string]bool)}
		n.owner.next = n.now
	}
	return n.finish()
}

// forget makes everything that others have said void: they must be asked anew.
func (n *Node) forget() {
	n.out.Verdicts = nil
	if len(n.owner.verdicts) > 0 {
		n.out.Forget = true
	}
	clear(n.owner.verdicts)
	n.owner.away = nil
	for c, p := range n.owner.pending {
		if !n.state.Held.Has(c.Rule, int(c.Bucket)) {
			delete(n.owner.pending, c)
			continue
		}
		p.first = 0
		clear(p.not)
		n.owner.next = n.now
	}
}

// ask sends what is to be asked, and ends what needs no answer.
func (n *Node) ask() {
	if n.owner.next == 0 || n.now < n.owner.next {
		return
	}
	n.owner.next = 0
	about := make(map[string][]Client)
	for c, p := range n.owner.pending {
		if n.now.Sub(p.since) >= askFor {
			delete(n.owner.pending, c)
			continue
		}
		if !n.decide(c, p) {
			for _, name := range n.memory.Blocking(c.Rule, int(c.Bucket)) {
				if !p.not[name] {
					about[name] = append(about[name], c)
				}
			}
			n.owner.next = n.now.Add(askAgain)
		}
	}
	if len(about) == 0 {
		return
	}
	seq := n.number()
	for _, p := range n.owner.pending {
		if p.first == 0 {
			p.first = seq
		}
	}
	for _, name := range n.sorted() {
		n.askOne(name, seq, about[name])
	}
}

// askOne asks one member about clients.
func (n *Node) askOne(name string, seq uint64, clients []Client) {
	if p := n.peers[name]; len(clients) > 0 && p.waiting == 0 {
		p.waiting = n.now
	}
	slices.SortFunc(clients, compareClients)
	for part := range slices.Chunk(clients, MaxClients) {
		n.send(name, &Message{Kind: Ask, Seq: seq, Clients: part})
	}
}

// decide makes a client this node's if nobody is left who may remember it.
func (n *Node) decide(c Client, p *pending) bool {
	if !n.state.Held.Has(c.Rule, int(c.Bucket)) {
		delete(n.owner.pending, c)
		return true
	}
	for _, name := range n.memory.Blocking(c.Rule, int(c.Bucket)) {
		if !p.not[name] {
			return false
		}
	}
	n.tell(c, Mine, "")
	return true
}

// answered takes in what a member says of clients that it was asked about.
func (n *Node) answered(m *Message) {
	if n.memory.Doubts() != n.doubts {
		return // the question is void
	}
	if m.EchoBoot != n.boot {
		return
	}
	for i, c := range m.Clients {
		p := n.owner.pending[c]
		if p == nil || p.first == 0 || m.Seq < p.first {
			continue
		}
		n.counts.answered++
		if m.Mine[i] {
			n.tell(c, Elsewhere, m.Name)
			continue
		}
		p.not[m.Name] = true
		n.decide(c, p)
	}
}

// tell gives the data path a verdict.
func (n *Node) tell(c Client, s Standing, keeper string) {
	delete(n.owner.pending, c)
	if len(n.owner.verdicts) >= MaxVerdicts {
		n.forget()
	}
	n.owner.verdicts[c] = keeper
	if s == Elsewhere {
		n.owner.away = append(n.owner.away, away{c, n.now.Add(elsewhereFor)})
	}
	n.out.Verdicts = append(n.out.Verdicts, Verdict{c, s})
}

// age makes those unknown again that have been another's for long.
func (o *owner) age(now confirm.Time, out *Actions) {
	for len(o.away) > 0 && now >= o.away[0].until {
		c := o.away[0].client
		delete(o.verdicts, c)
		out.Verdicts = append(out.Verdicts, Verdict{c, Unknown})
		o.away = o.away[1:]
	}
}

func (o *owner) due() confirm.Time {
	if len(o.away) > 0 && (o.next == 0 || o.away[0].until < o.next) {
		return o.away[0].until
	}
	return o.next
}

// Keeper returns the node that was lately said to keep a client of a bucket of this
// node's; "" if none was.
func (n *Node) Keeper(c Client) string { return n.owner.verdicts[c] }

func compareClients(a, b Client) int {
	if c := cmp.Compare(a.Rule, b.Rule); c != 0 {
		return c
	}
	return a.Addr.Compare(b.Addr)
}
