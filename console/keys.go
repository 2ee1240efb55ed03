package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"thresher/config"
	"thresher/console/rotation"
)

// Keys go from node to node alone, over connections on which both have proved to be
// of the farm; people, logs and the audit see their ids (config.KeyID).

// nodeKeysPath is where nodes ask one another for the ids of their keys, and tell one
// another what to do. It is answered to nobody else.
const nodeKeysPath = "/v1/node/keys"

// sameRelease is the cure for what another node says and this one can't understand.
const sameRelease = "run the same release on all nodes"

// maxStepBytes bounds a keyRequest.
const maxStepBytes = 1024

// keyRest is how long the farm rests between two phases: what was sent under the key
// before has come by then.
const keyRest = time.Second

// NodeKeys is what gossip keys a node has, by their ids.
type NodeKeys struct {
	// Name is the node's.
	Name string `json:"name"`
	// Using is what it seals under, Next and Before what it believes besides.
	Using  string `json:"using,omitempty"`
	Next   string `json:"next,omitempty"`
	Before string `json:"before,omitempty"`
	// Standing is how far it is on the way to another key.
	Standing rotation.Standing `json:"standing,omitempty"`
	// Unmet are the peers of its configuration that it has not met.
	Unmet []string `json:"unmet,omitempty"`
	// Knows are the nodes that it knows, itself among them; none of a release that does
	// not say.
	Knows []string `json:"knows,omitempty"`
	// Problem is why nothing is known of the node.
	Problem string `json:"problem,omitempty"`
}

// KeyReport is what keys the nodes of a farm have.
type KeyReport struct {
	// Node is the node that has asked the others.
	Node string `json:"node"`
	// UnderWay are the keys that the farm is on the way to; none at rest.
	UnderWay []string `json:"under_way"`
	// Next is what the farm does next; nil at rest, and where two changes have met.
	Next *KeyStep `json:"next,omitempty"`
	// Nodes are the members of the farm.
	Nodes []NodeKeys `json:"nodes"`
	// Unmet are the peers that some node's configuration names, and that are no members
	// though that node has not met them.
	Unmet []UnmetPeer `json:"unmet,omitempty"`
	// Unknown are the nodes that some node knows, and the one that has asked does not.
	Unknown []UnknownNode `json:"unknown,omitempty"`
	// LeftBehind are the nodes and addresses that a change went on without.
	LeftBehind []string `json:"left_behind,omitempty"`
}

// KeyStep is something that some nodes have to do before the next can be done.
type KeyStep struct {
	Do    config.KeyStep `json:"do"`
	Nodes []string       `json:"nodes"`
}

// UnmetPeer is a peer of configurations at whose addresses nobody has been met.
type UnmetPeer struct {
	// Peer is its addresses, as the configuration has them.
	Peer string `json:"peer"`
	// By are the nodes that say so.
	By []string `json:"by"`
}

// UnknownNode is a node that others know, and the one that has asked them does not: that
// one was started while the other was away.
type UnknownNode struct {
	Name string `json:"name"`
	// By are the nodes that know it.
	By []string `json:"by"`
}

// keyRequest is what one node has another do: take or end a turn, or a step.
type keyRequest struct {
	Turn string         `json:"turn"`
	End  bool           `json:"end,omitempty"`
	Step config.KeyStep `json:"step,omitempty"`
	ID   string         `json:"id,omitempty"`
	// Key is the key itself, with the step that adds it.
	Key []byte `json:"key,omitempty"`
}

// keyTurn is whose turn it is here, and held while a step is done.
type keyTurn struct {
	sync.Mutex
	rotation.Turn
}

// showNodeKeys answers GET /v1/node/keys.
func (s *Server) showNodeKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.farm.Keys(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, keys)
	return nil
}

// nodeKeys answers POST /v1/node/keys.
func (s *Server) nodeKeys(w http.ResponseWriter, r *http.Request) error {
	var in keyRequest
	err := readBody(w, r, maxStepBytes, &in)
	if tooLong := tooLarge(err); tooLong != nil {
		return tooLong
	}
	if err != nil || in.Turn == "" { // the error might quote a key
		return badRequest(sameRelease, "the step can't be understood")
	}
	if err := s.doKeys(r, in); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// doKeys does on this node what a request says.
func (s *Server) doKeys(r *http.Request, in keyRequest) (err error) {
	s.keyTurn.Lock()
	defer s.keyTurn.Unlock()
	now := time.Now()
	switch {
	case in.End:
		s.keyTurn.End(in.Turn)
		return nil
	case in.Step == "":
		err = s.keyTurn.Take(in.Turn, now)
	default:
		err = s.keyTurn.Hold(in.Turn, now)
	}
	if err != nil {
		return &Error{Code: CodeConflict, Message: err.Error(), Cure: "see `thresher key rotate --status`, and try again in half a minute"}
	}
	if in.Step == "" {
		return nil
	}
	var key [32]byte
	if in.Step == config.KeyAdd && copy(key[:], in.Key) != len(key) {
		return badRequest(sameRelease, "the step can't be understood")
	}
	err = s.farm.StepKeys(r.Context(), in.Step, in.ID, key)
	s.audit(r, callerOf(r).who(), "key "+string(in.Step), in.ID, err)
	if err == nil {
		s.peers.forget()
	}
	return err
}

// unmet are the peers that any node's configuration names and that node has not met,
// but for those that are members.
func (k KeyReport) unmet(members []Node) (list []UnmetPeer) {
	peers, by := k.named(func(n NodeKeys) []string { return n.Unmet }, func(peer string) bool {
		return slices.ContainsFunc(members, func(m Node) bool { return m.at(peer) })
	})
	for _, peer := range peers {
		list = append(list, UnmetPeer{Peer: peer, By: by[peer]})
	}
	return list
}

// named are the names that the nodes give, but for members', in the order in which they
// come, and which nodes give each.
func (k KeyReport) named(names func(NodeKeys) []string, member func(string) bool) (list []string, by map[string][]string) {
	by = make(map[string][]string)
	for _, n := range k.Nodes {
		for _, name := range names(n) {
			if member(name) {
				continue
			}
			if by[name] == nil {
				list = append(list, name)
			}
			by[name] = append(by[name], n.Name)
		}
	}
	return list, by
}

// unmetPeers are the addresses of those.
func (k KeyReport) unmetPeers() (list []string) {
	for _, u := range k.Unmet {
		list = append(list, u.Peer)
	}
	return list
}

// unknown are the nodes that any node knows and that are no members here.
func (k KeyReport) unknown(members []Node) (list []UnknownNode) {
	nodes, by := k.named(func(n NodeKeys) []string { return n.Knows }, func(name string) bool {
		return slices.ContainsFunc(members, func(m Node) bool { return m.Name == name })
	})
	for _, name := range nodes {
		list = append(list, UnknownNode{Name: name, By: by[name]})
	}
	return list
}

// judge fills in what follows from what the nodes have said.
func (k *KeyReport) judge(members []Node) {
	known := k.known()
	k.UnderWay = append([]string{}, rotation.UnderWay(known)...)
	for i, n := range k.Nodes {
		if n.Problem == "" {
			k.Nodes[i].Standing = n.rotation().Standing(k.UnderWay)
		}
	}
	if len(k.UnderWay) == 1 {
		step := rotation.Forward(known, k.UnderWay[0])
		k.Next = &KeyStep{step.Do, step.Nodes}
	}
	k.Unmet, k.Unknown = k.unmet(members), k.unknown(members)
}

// rotation is the node as package rotation has it.
func (n NodeKeys) rotation() rotation.Node {
	return rotation.Node{Name: n.Name, Using: n.Using, Next: n.Next, Before: n.Before}
}

// at tells whether one of a peer's addresses, as the configuration has them, is the
// node's.
func (n Node) at(peer string) bool {
	return slices.ContainsFunc(strings.Fields(peer), func(text string) bool {
		at, err := netip.ParseAddrPort(text)
		return err == nil && at.Addr() == n.Address
	})
}

// changingKeys refuses what must wait until a change of the key has ended.
func (s *Server) changingKeys(ctx context.Context) error {
	keys, err := s.farm.Keys(ctx)
	if err != nil || keys.Next+keys.Before == "" {
		return err
	}
	return &Error{
		Code: CodeConflict, Message: "the farm's key is being changed",
		Cure: "end that by `thresher key rotate` or `thresher key rotate --abort`, then invite and join again",
	}
}

// showKeys answers GET /v1/keys.
func (s *Server) showKeys(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	nodes, err := s.keyNodes()
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, s.keyReport(r.Context(), nodes))
	return nil
}

// changeKeys answers POST /v1/keys: it takes the farm to another gossip key, or goes
// on where somebody has stopped, or with abort goes back.
func (s *Server) changeKeys(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "abort", "leave_behind")
	if err != nil {
		return err
	}
	c := keyChange{Server: s, r: r, turn: rand.Text()}
	if c.abort, err = q.flag("abort"); err != nil {
		return err
	}
	if c.leaveBehind, err = q.flag("leave_behind"); err != nil {
		return err
	}
	if _, err := unhurried(w); err != nil {
		return err
	}
	report, err := c.run(r.Context())
	s.audit(r, callerOf(r).who(), map[bool]string{false: "key rotate", true: "key rotate --abort"}[c.abort], strings.Join(report.LeftBehind, ", "), err)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, report)
	return nil
}

// keyNodes are the members, this one first: it has the key that it has drawn before
// anybody else does.
func (s *Server) keyNodes() ([]Node, error) {
	if s.peers == nil || s.peers.port == 0 {
		return nil, &Error{Code: CodeConflict, Message: "the nodes of this farm do not ask one another", Cure: "give the farm a key by cluster.key_file, and set api.peer_port"}
	}
	status := s.farm.Status()
	if err := status.answered(); err != nil { // who the others are is not known
		return nil, err
	}
	nodes := slices.Clone(status.Nodes)
	self := slices.IndexFunc(nodes, func(n Node) bool { return n.Name == status.Node })
	if self < 0 {
		return nil, &Error{Code: CodeUnavailable, Message: "this node has not joined its farm", Cure: "wait until it has"}
	}
	nodes[0], nodes[self] = nodes[self], nodes[0]
	return nodes, nil
}

// keyReport asks the nodes, all at once.
func (s *Server) keyReport(ctx context.Context, nodes []Node) KeyReport {
	status := s.farm.Status()
	out := KeyReport{Node: status.Node, Nodes: make([]NodeKeys, len(nodes))}
	var asking sync.WaitGroup
	for i, n := range nodes {
		asking.Go(func() {
			keys, err := s.keysOf(ctx, n)
			if err != nil {
				keys = NodeKeys{Problem: asError(err).Message}
			}
			keys.Name = n.Name
			out.Nodes[i] = keys
		})
	}
	asking.Wait()
	out.judge(status.Nodes)
	return out
}

// known are the nodes of which something is known.
func (k KeyReport) known() (nodes []rotation.Node) {
	for _, n := range k.Nodes {
		if n.Problem == "" {
			nodes = append(nodes, n.rotation())
		}
	}
	return nodes
}

func (s *Server) keysOf(ctx context.Context, n Node) (keys NodeKeys, err error) {
	if n.Name == s.farm.Status().Node {
		return s.farm.Keys(ctx)
	}
	if n.State == Unreachable {
		return keys, errUnheard
	}
	c, err := s.peers.client(n, "")
	if err != nil {
		return keys, err
	}
	ctx, cancel := context.WithTimeout(ctx, farmTimeout)
	defer cancel()
	err = c.ask(ctx, nodeKeysPath, nil, &keys)
	return keys, missingIsOld(err, "change its key")
}

// KeyReport asks what keys the nodes have.
func (c *Client) KeyReport(ctx context.Context) (k KeyReport, err error) {
	return k, c.ask(ctx, "/v1/keys", nil, &k)
}

// ChangeKeys takes the farm to another gossip key or goes on with that; with abort,
// back. leaveBehind goes on without nodes that do not answer.
func (c *Client) ChangeKeys(ctx context.Context, abort, leaveBehind bool) (k KeyReport, err error) {
	q := map[string][]string{"abort": {strconv.FormatBool(abort)}, "leave_behind": {strconv.FormatBool(leaveBehind)}}
	err = c.post(ctx, "/v1/keys", q, "what became of the keys", &k)
	return k, err
}

// doKeys has another node do what a request says.
func (c *Client) doKeys(ctx context.Context, in keyRequest) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return missingIsOld(c.tellNode(ctx, nodeKeysPath, in), "change its key")
}
