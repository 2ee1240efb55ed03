package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"thresher/internal/crowd"
)

// farmTimeout is how long another node may take to say how it is.
const farmTimeout = time.Second

// FarmStatus is what all nodes know about themselves, as one of them gathered it.
type FarmStatus struct {
	// Node is the node that asked the others.
	Node string `json:"node"`
	// Time is when it did.
	Time time.Time `json:"time"`
	// Nodes are the members of the farm, by name.
	Nodes []FarmNode `json:"nodes"`
}

// FarmNode is one node of a farm.
type FarmNode struct {
	Name string `json:"name"`
	// State is the node's own, or Unreachable if it does not answer and the node
	// that asked takes it for lost.
	State NodeState `json:"state"`
	// Address is where its gossip comes from.
	Address netip.Addr `json:"address"`
	// Shares are its parts of the rules, in the eyes of the node that asked.
	Shares map[string]float64 `json:"shares"`
	// Problem is why Status is missing.
	Problem string `json:"problem,omitempty"`
	// Note is what is to be known about Status; empty if nothing.
	Note string `json:"note,omitempty"`
	// Status is what the node says of itself; nil if it does not answer. Only the
	// asking node's own has the farm's nodes in it.
	Status *Status `json:"status"`
	// Time is when the node said so.
	Time time.Time `json:"time"`
}

// gather asks every node that this one knows of at once.
func (s *Server) gather(ctx context.Context, own Status) FarmStatus {
	ctx, cancel := context.WithTimeout(ctx, farmTimeout)
	defer cancel()
	var asking sync.WaitGroup
	out := pictureOf(own, func(n Node, into *FarmNode) {
		asking.Go(func() { s.askPeer(ctx, n, into) })
	})
	asking.Wait()
	return out
}

// pictureOf is the farm as its node sees it; ask fills in what another node that is
// heard says of itself.
func pictureOf(own Status, ask func(Node, *FarmNode)) FarmStatus {
	out := FarmStatus{Node: own.Node, Time: time.Now(), Nodes: make([]FarmNode, len(own.Nodes))}
	for i, n := range own.Nodes {
		at := &out.Nodes[i]
		*at = FarmNode{Name: n.Name, State: n.State, Address: n.Address, Shares: n.Shares, Time: out.Time}
		switch {
		case n.Name == own.Node:
			at.Status = &own
		case n.State == Unreachable:
			at.Problem = errUnheard.Error()
		default:
			ask(n, at)
		}
	}
	return out
}

// askPeer fills in what another node says of itself.
func (s *Server) askPeer(ctx context.Context, n Node, into *FarmNode) {
	status, err := s.statusOf(ctx, n)
	if err != nil {
		into.Problem = err.Error()
		return
	}
	into.says(status, time.Now())
}

// statusOf asks another node how it is.
func (s *Server) statusOf(ctx context.Context, n Node) (Status, error) {
	c, err := s.peers.client(n, "")
	if err != nil {
		return Status{}, err
	}
	return c.Status(ctx)
}

// says is what another node has said of itself, and when.
func (n *FarmNode) says(s Status, at time.Time) {
	s.Nodes = nil // each would repeat the whole farm
	n.Status, n.State, n.Time = &s, s.State, at
}

// farmStatus answers GET /v1/farm.
func (s *Server) farmStatus(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "follow")
	if err != nil {
		return err
	}
	follow, err := q.flag("follow")
	if err != nil {
		return err
	}
	if follow {
		return s.stream(w, r, s.whole.send)
	}
	own := s.farm.Status()
	if err := own.answered(); err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, s.gather(r.Context(), own))
	return nil
}

// Outcome is what came of a change of one node.
type Outcome struct {
	Name string `json:"name"`
	// Error is why it was not made; nil if it was.
	Error *Error `json:"error,omitempty"`
}

// Outcomes is what came of a change.
type Outcomes struct {
	Nodes []Outcome `json:"nodes"`
}

// The changes of a node.
const (
	actionStart   = "start"
	actionStop    = "stop"
	actionDrain   = "drain"
	actionRestart = "restart"
	actionWeight  = "weight"
)

// farmChange answers POST /v1/farm/ACTION: for one node, or one after the other
// for all.
func (s *Server) farmChange(action string) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		known := []string{"node", "all"}
		switch action {
		case actionDrain:
			known = append(known, "deadline_ms")
		case actionWeight:
			known = append(known, "rule", "weight")
		}
		q, err := parameters(r, known...)
		if err != nil {
			return err
		}
		nodes, err := s.chosen(q)
		if err != nil {
			return err
		}
		change, err := q.change(action)
		if err != nil {
			return err
		}
		if _, err := unhurried(w); err != nil {
			return err
		}
		return s.changeAll(w, r, nodes, change)
	}
}

// change is what a request asks of each node that it is for.
func (q query) change(action string) (c Change, err error) {
	c = Change{Action: action, Rule: q.Get("rule")}
	if c.Deadline, err = q.deadline(); err != nil {
		return c, err
	}
	c.Weight, err = q.weight()
	return c, err
}

// chosen are the nodes that a request names, this one last: after a restart of its
// own nobody is left to answer.
func (s *Server) chosen(q query) ([]Node, error) {
	const cure = "add node=NAME, or all=1 for every node"
	all, err := q.flag("all")
	if err != nil {
		return nil, err
	}
	name := q.Get("node")
	if all == (name != "") {
		return nil, badRequest(cure, "the request names no node, or one and all of them")
	}
	status := s.farm.Status()
	if err := status.answered(); err != nil {
		return nil, err
	}
	var nodes []Node
	for _, n := range status.Nodes {
		if all || n.Name == name {
			nodes = append(nodes, n)
		}
	}
	if len(nodes) == 0 {
		return nil, s.noSuchNode(name, status)
	}
	slices.SortStableFunc(nodes, func(a, b Node) int {
		switch status.Node {
		case a.Name:
			return 1
		case b.Name:
			return -1
		}
		return 0
	})
	return nodes, nil
}

func (s *Server) noSuchNode(name string, status Status) error {
	names := make([]string, len(status.Nodes))
	for i, n := range status.Nodes {
		names[i] = n.Name
	}
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("there is no node %q", clip(name, 80)), Cure: fmt.Sprintf("the nodes are %q", names)}
}

// changeAll makes a change on each of the nodes. A restart goes on only as long as
// it succeeds: a program that is bad on one node is bad on all.
func (s *Server) changeAll(w http.ResponseWriter, r *http.Request, nodes []Node, change Change) error {
	out := Outcomes{Nodes: []Outcome{}}
	answered := false
	answer := func() {
		if !answered {
			answered = true
			s.reply(w, r, http.StatusOK, out)
			_ = http.NewResponseController(w).Flush()
		}
	}
	var first error
	for _, n := range nodes {
		if change.Action == actionRestart && first != nil {
			out.Nodes = append(out.Nodes, Outcome{n.Name, &Error{Code: CodeConflict, Message: "not restarted, since another node's restart failed"}})
			continue
		}
		at := len(out.Nodes)
		out.Nodes = append(out.Nodes, Outcome{Name: n.Name})
		err := s.changeOne(r, n, change, answer)
		if err != nil {
			out.Nodes[at].Error = asError(err)
			first = errors.Join(first, err)
		}
	}
	if answered {
		return nil
	}
	if len(nodes) == 1 && first != nil {
		return first
	}
	answer()
	return nil
}

// changeOne makes a change here or has another node make it. ready is called when
// this process is about to be replaced.
func (s *Server) changeOne(r *http.Request, n Node, change Change, ready func()) (err error) {
	who := callerOf(r).who()
	defer func() { s.audit(r, who, change.Action, n.Name, err) }()
	ctx := r.Context()
	now := s.farm.Status()
	if n.Name == now.Node {
		switch change.Action {
		case actionStart:
			return s.farm.Start(ctx)
		case actionStop:
			return s.farm.Stop(ctx, false)
		case actionDrain:
			return s.farm.Drain(ctx, change.Deadline)
		case actionWeight:
			return s.farm.Weigh(ctx, change.Rule, change.Weight)
		default:
			return s.farm.Restart(ctx, ready)
		}
	}
	if slices.Contains(now.unreachable(), n.Name) { // by now: others may have taken a while
		return &Error{Code: CodeUnreachable, Message: fmt.Sprintf("%s is not asked: %v", n.Name, errUnheard), Cure: "ask again once it is there"}
	}
	c, err := s.peers.client(n, who)
	if err != nil {
		return err
	}
	return changePeer(ctx, c, change)
}

// changePeer has another node make a change. One that hangs holds up the others for so
// long and no longer; it may make the change when it goes on.
func changePeer(ctx context.Context, c *Client, change Change) (err error) {
	if change.Action == actionRestart { // has bounds of its own
		_, err = c.Restart(ctx)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	switch change.Action {
	case actionStart:
		err = c.Start(ctx)
	case actionStop:
		err = c.Stop(ctx, false)
	case actionWeight:
		err = c.Weigh(ctx, change.Rule, change.Weight)
	default:
		err = c.Drain(ctx, change.Deadline)
	}
	var e *Error
	if errors.As(err, &e) && ctx.Err() != nil {
		e.Cure += " it may do it yet: see thresher status"
	}
	return err
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return internal(err)
}

// at has an endpoint answer for the node that the parameter node names, if that is
// another one.
func (s *Server) at(e endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		if len(q["node"]) != 1 || callerOf(r).peer != "" {
			return e(w, r)
		}
		name := q.Get("node")
		q.Del("node")
		status := s.farm.Status()
		if err := status.answered(); err != nil {
			return err
		}
		if name == status.Node {
			r = r.Clone(r.Context())
			r.URL.RawQuery = q.Encode()
			return e(w, r)
		}
		i := slices.IndexFunc(status.Nodes, func(n Node) bool { return n.Name == name })
		if i < 0 {
			return s.noSuchNode(name, status)
		}
		return s.relay(w, r, status.Nodes[i], q)
	}
}

// relay passes another node's answer on.
func (s *Server) relay(w http.ResponseWriter, r *http.Request, n Node, q url.Values) error {
	c, err := s.peers.client(n, callerOf(r).who())
	if err != nil {
		return err
	}
	if follow, err := (query{q}).flag("follow"); err == nil && follow {
		return s.relayStream(w, r, c, q)
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	resp, err := c.send(ctx, http.MethodGet, r.URL.Path, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.Copy(w, io.LimitReader(resp.Body, maxReply)) // who asked may have gone
	return nil
}

// maxRelayed is how many streams of other nodes people and tools may have open: half of
// the connections that a node takes from one address, so that the rest are the nodes' own.
const maxRelayed = crowd.PerAddress / 2

// relayStream passes on what another node sends, as it comes.
func (s *Server) relayStream(w http.ResponseWriter, r *http.Request, c *Client, q url.Values) error {
	defer s.relayed.Add(-1)
	if s.relayed.Add(1) > maxRelayed {
		return &Error{Code: CodeTooMany, Message: fmt.Sprintf("%d streams of other nodes are open already", maxRelayed), Cure: "follow that node at its own address"}
	}
	ctx, rc, done, err := s.lasting(w, r)
	if err != nil {
		return err
	}
	defer done()
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.Set("since", last)
	}
	resp, err := c.begin(ctx, r.URL.Path, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if beginStream(w, rc, "text/event-stream") && r.Method != http.MethodHead {
		_, _ = io.Copy(passed{hurried{ctx, w, rc}}, resp.Body) // either end may have gone
	}
	return nil
}

// passed sends each piece as soon as it has come.
type passed struct{ hurried }

// Write is io.Writer's.
func (p passed) Write(piece []byte) (int, error) {
	n, err := p.hurried.Write(piece)
	return n, errors.Join(err, p.Flush())
}
