package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"thresher/config"
	"thresher/console/invite"
	"thresher/console/trust"
)

// maxJoinBytes bounds what a newcomer says of itself.
const maxJoinBytes = 4096

// joinPath is where newcomers ask; it is answered to nobody else.
const joinPath = "/v1/join"

// Invitation is a token, as it is made.
type Invitation struct {
	// Token is what the newcomer needs. Nobody is shown it again.
	Token string `json:"token"`
	// Expires is until when it is good.
	Expires time.Time `json:"expires"`
	// Unreachable are the nodes that could not be told of a newcomer now.
	Unreachable []string `json:"unreachable,omitempty"`
}

// Newcomer is a machine that wants to be a node.
type Newcomer struct {
	// Secret is what its token is known by.
	Secret []byte `json:"secret"`
	// Node is what it wants to be called.
	Node string `json:"node"`
	// Bind is where it will gossip, Further where on more heartbeat networks.
	Bind    netip.AddrPort   `json:"bind"`
	Further []netip.AddrPort `json:"further,omitempty"`
}

// Binds are all its addresses, Bind first.
func (n Newcomer) Binds() []netip.AddrPort { return append([]netip.AddrPort{n.Bind}, n.Further...) }

// Admission is what a newcomer gets: all that it needs to be a node.
type Admission struct {
	// Node is the member that lets it in, Bind where that gossips.
	Node string         `json:"node"`
	Bind netip.AddrPort `json:"bind"`
	// Config is that member's configuration, Keys its key file, Users its file of
	// users and tokens; empty if it has none.
	Config []byte `json:"config"`
	Keys   []byte `json:"keys"`
	Users  []byte `json:"users,omitempty"`
	// Untold says whose cluster.join the newcomer could not be written into, why, and
	// what to do.
	Untold []string `json:"untold,omitempty"`
}

// invite answers POST /v1/invitations.
func (s *Server) invite(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	own := s.farm.Status()
	at, err := s.welcomeAt(own)
	if err != nil {
		return err
	}
	token := invite.New(at, s.peers.identity.Fingerprint())
	expires, err := s.invitations.Enter(token, time.Now())
	s.audit(r, callerOf(r).who(), "invite", "", err)
	if err != nil {
		return &Error{Code: CodeTooMany, Message: err.Error(), Cure: "wait until some have been used or have expired"}
	}
	s.reply(w, r, http.StatusCreated, Invitation{Token: token.String(), Expires: expires, Unreachable: own.unreachable()})
	return nil
}

// welcomeAt is where newcomers are let in: where the other nodes ask.
func (s *Server) welcomeAt(own Status) (at netip.AddrPort, err error) {
	cannot := &Error{Code: CodeConflict, Message: "this node can't invite another one"}
	if s.peers == nil || s.peers.port == 0 {
		cannot.Cure = "give the farm a key by cluster.key_file, and set api.peer_port"
		return at, cannot
	}
	if err := own.answered(); err != nil {
		return at, err
	}
	for _, n := range own.Nodes {
		if n.Name == own.Node && n.Address.IsValid() {
			return netip.AddrPortFrom(n.Address, s.peers.port), nil
		}
	}
	cannot.Code, cannot.Cure = CodeUnavailable, "wait until it has joined the farm"
	return at, cannot
}

// byNodesAndNewcomers answers the other nodes, and lets newcomers ask for one thing.
func (s *Server) byNodesAndNewcomers(nodes http.Handler) http.Handler {
	join := s.handler([]route{{method: http.MethodPost, body: true, do: s.join}})
	missing := s.handler([]route{{do: noSuchPath}})
	between := s.betweenNodes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch alone := between[r.URL.Path]; {
		case s.peers.identity.Peer(r.TLS) != "" && alone != nil:
			alone.ServeHTTP(w, r)
		case s.peers.identity.Peer(r.TLS) != "":
			nodes.ServeHTTP(w, r)
		case r.URL.Path == joinPath:
			join.ServeHTTP(w, r)
		default:
			missing.ServeHTTP(w, r)
		}
	})
}

// join answers POST /v1/join.
func (s *Server) join(w http.ResponseWriter, r *http.Request) error {
	in, err := readNewcomer(w, r)
	if err != nil {
		return err
	}
	who := "newcomer " + clip(in.Node, 80)
	if err := s.invitations.Use(in.Secret, time.Now()); err != nil {
		// Not those that nobody has invited: they would crowd out all other events.
		if !errors.Is(err, invite.ErrUnknown) {
			s.audit(r, who, "join", "", err)
		}
		return &Error{Code: CodeForbidden, Message: err.Error(), Cure: "make another one with `thresher invite`"}
	}
	a, err := s.admit(r.Context(), in)
	s.audit(r, who, "join", in.Bind.String(), err)
	if err != nil {
		s.invitations.GiveBack(in.Secret)
		return err
	}
	s.reply(w, r, http.StatusOK, a)
	return nil
}

// admit refuses a newcomer that the farm can't have.
func (s *Server) admit(ctx context.Context, in Newcomer) (Admission, error) {
	own := s.farm.Status()
	if err := own.answered(); err != nil { // whose names and addresses are taken is not known
		return Admission{}, err
	}
	if slices.ContainsFunc(own.Nodes, func(n Node) bool { return n.Name == in.Node }) {
		return Admission{}, &Error{Code: CodeConflict, Message: fmt.Sprintf("there is a node %q already", in.Node), Cure: "give this machine another name by --node"}
	}
	for _, at := range in.Binds() {
		node := slices.ContainsFunc(own.Nodes, func(n Node) bool { return n.Address == at.Addr() })
		if node || slices.ContainsFunc(own.VIPs, func(v VIP) bool { return v.Address == at.Addr() }) {
			return Admission{}, &Error{Code: CodeConflict, Message: fmt.Sprintf("%v is a node's address, or a VIP", at.Addr()), Cure: "give an address of this machine's own by --bind"}
		}
	}
	if err := s.changingKeys(ctx); err != nil {
		return Admission{}, err
	}
	a, err := s.farm.Admit(ctx, in)
	if err != nil {
		return a, err
	}
	a.Untold = append(a.Untold, s.tellAll(ctx, in)...)
	s.warnUntold(ctx, in, a.Untold)
	return a, nil
}

func readNewcomer(w http.ResponseWriter, r *http.Request) (in Newcomer, err error) {
	err = readBody(w, r, maxJoinBytes, &in)
	if tooLong := tooLarge(err); tooLong != nil {
		return in, tooLong
	}
	if err == nil {
		err = config.CheckNode(in.Node)
	}
	if err == nil {
		err = in.checkBinds()
	}
	if err != nil {
		return in, badRequest("run the same release on it as here", "the newcomer can't be understood: %v", err)
	}
	return in, nil
}

// checkBinds refuses what no node can gossip from.
func (n Newcomer) checkBinds() error {
	if own := n.Binds(); len(own) > config.MaxNetworks {
		return fmt.Errorf("%d heartbeat networks are too many", len(own))
	}
	for _, at := range n.Binds() {
		if !at.IsValid() || at.Port() == 0 || at.Addr().IsUnspecified() || at.Addr().IsMulticast() {
			return fmt.Errorf("%v is no address to gossip from", at)
		}
	}
	return nil
}

// Invite has the daemon make an invitation.
func (c *Client) Invite(ctx context.Context) (in Invitation, err error) {
	err = c.post(ctx, "/v1/invitations", nil, "the invitation", &in)
	return in, err
}

// Join asks the node that a token is from to let a machine in.
func Join(ctx context.Context, token invite.Token, in Newcomer) (a Admission, err error) {
	in.Secret = token.Secret[:]
	body, err := json.Marshal(in)
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: trust.Newcomer(token.Fingerprint)}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+token.Address.String()+joinPath, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return a, &Error{
			Code: CodeUnreachable, Message: fmt.Sprintf("the node that the invitation is from does not answer at %v: %v", token.Address, bareURLError(err)),
			Cure: "is its daemon running, does its firewall let TCP port " + strconv.Itoa(int(token.Address.Port())) + " in, and is the token whole?",
		}
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return a, refusal(resp)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxReply)).Decode(&a); err != nil {
		return a, fmt.Errorf("read what %v lets this machine in with: %w", token.Address, err)
	}
	return a, nil
}
