package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"thresher/config"
)

// Who is let in is written into cluster.join of every node, not of its host alone: a
// node that starts asks those that it finds there, and counts them.

// nodePeersPath is where a node tells another one of a newcomer.
const nodePeersPath = "/v1/node/peers"

// tellTimeout is how long another node may take to do what it does at once when it is
// told: to start, stop, drain or take a weight, or to write a newcomer down, which waits for
// longer.
const tellTimeout = askTimeout / 2

// nodePeer answers POST /v1/node/peers.
func (s *Server) nodePeer(w http.ResponseWriter, r *http.Request) error {
	in, err := readNewcomer(w, r)
	if err != nil {
		return err
	}
	err = s.farm.AddPeer(r.Context(), in)
	s.audit(r, callerOf(r).who(), "add to cluster.join", in.Node+" at "+config.Peer(in.Binds()).String(), err)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tellAll has all other nodes write a newcomer down, and says who has not.
func (s *Server) tellAll(ctx context.Context, in Newcomer) (untold []string) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	in.Secret = nil
	own := s.farm.Status()
	if err := own.answered(); err != nil { // who the others are is not known
		return []string{in.Untold("the other nodes", err)}
	}
	said := make([]string, len(own.Nodes))
	var telling sync.WaitGroup
	for i, n := range own.Nodes {
		if n.Name == own.Node {
			continue
		}
		telling.Go(func() {
			if err := s.tellPeer(ctx, n, in); err != nil {
				said[i] = in.Untold(n.Name, err)
			}
		})
	}
	telling.Wait()
	return slices.DeleteFunc(said, func(text string) bool { return text == "" })
}

// errUnheard is why a node is not asked at all.
var errUnheard = errors.New("the other nodes do not hear it")

func (s *Server) tellPeer(ctx context.Context, n Node, in Newcomer) error {
	if n.State == Unreachable {
		return errUnheard
	}
	c, err := s.peers.client(n, "")
	if err != nil {
		return err
	}
	return missingIsOld(c.tellNode(ctx, nodePeersPath, in), "be told of another node")
}

// Untold says that a node has not written the newcomer down, and what to do.
func (n Newcomer) Untold(node string, why error) string {
	message := brief(why)
	var e *Error
	if errors.As(why, &e) {
		message = brief(errors.New(e.Message)) // its cure is for who asks that node
	}
	return fmt.Sprintf("node %s is not in the configuration of %s (%s): add %q to cluster.join there, and thresher reload",
		n.Node, node, message, config.Peer(n.Binds()).String())
}

// warnUntold tells so where the host's events are read.
func (s *Server) warnUntold(ctx context.Context, in Newcomer, untold []string) {
	for _, text := range untold {
		s.log.Add(Event{Kind: "peer_untold", Level: LevelWarn, Message: text, Fields: map[string]string{"node": in.Node}})
		s.logger.WarnContext(ctx, text, "kind", "peer_untold", "node", in.Node)
	}
}

// unreachable are the nodes that nobody could tell anything now.
func (s Status) unreachable() (names []string) {
	for _, n := range s.Nodes {
		if n.State == Unreachable {
			names = append(names, n.Name)
		}
	}
	return names
}
