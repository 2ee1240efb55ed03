package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrNameTaken is wrapped by Join's error when a live machine of the farm has
// this node's name.
var ErrNameTaken = errors.New("name is taken")

// ErrRefused is wrapped by Join's error when a configured peer runs but does not
// understand this node: another key, another label, or something else that
// listens on that port.
var ErrRefused = errors.New("peer refuses this node")

// answer is how a try to join a peer went.
type answer int

const (
	silent  answer = iota // nobody there
	joined                // merged with it
	refused               // somebody there, who is not of our farm
	taken                 // our farm, where somebody has our name
)

// outcome is one peer's answer, with what memberlist said.
type outcome struct {
	peer   netip.AddrPort
	answer answer
	err    error
}

// Join looks for the farm: it tries all configured peers over and over until one
// of them has answered and the two have merged. Then, and also when none answered
// for Config.JoinTimeout, it returns nil, and from then on every configured peer
// that is not a member is tried again every few seconds. nil without an answer
// means that this node is to serve alone; the log says so.
//
// A peer that answers but can't be joined is no silent one. If the last answer of
// any was that, and none could be joined, Join fails after the timeout with an
// error that wraps ErrNameTaken or ErrRefused, for serving beside a live farm
// would answer every client twice. It waits that long because a machine that just
// changed its address finds its own name until the farm has noticed. Join may be
// called again.
//
// Join returns ctx's error when that ends first, and ErrClosed after Leave or
// Shutdown.
func (c *Cluster) Join(ctx context.Context) error {
	if !c.begin() {
		return ErrClosed
	}
	defer c.work.Done()
	outcomes, err := c.seek(ctx)
	if err != nil {
		return err
	}
	if err := verdict(outcomes); err != nil {
		return err
	}
	if len(c.peers) > 0 && !slices.ContainsFunc(outcomes, func(o outcome) bool { return o.answer == joined }) {
		c.log.log.Warn("no configured peer answers: this node is alone in its farm until one does",
			"peers", c.peers, "waited", c.tuning.joinTimeout)
	}
	return c.keepJoined()
}

// seek tries all peers until one is joined or the timeout is over, and returns
// the last outcome of each that had one.
func (c *Cluster) seek(ctx context.Context) ([]outcome, error) {
	if len(c.peers) == 0 {
		return nil, nil
	}
	trying, stop := context.WithTimeout(c.ctx, c.tuning.joinTimeout)
	defer stop()
	results := make(chan outcome)
	for _, p := range c.peers {
		if c.begin() {
			go c.tryPeer(trying, p, results)
		}
	}
	last := map[netip.AddrPort]outcome{}
	for {
		select {
		case o := <-results:
			if o.answer == joined {
				c.log.log.Info("joined the farm", "peer", o.peer)
				return []outcome{o}, nil
			}
			last[o.peer] = o
		case <-ctx.Done():
			return nil, fmt.Errorf("join the farm: %w", ctx.Err())
		case <-trying.Done():
			if c.ctx.Err() != nil {
				return nil, ErrClosed
			}
			return inOrder(c.peers, last), nil
		}
	}
}

func inOrder(peers []netip.AddrPort, last map[netip.AddrPort]outcome) []outcome {
	var list []outcome
	for _, p := range peers {
		if o, ok := last[p]; ok {
			list = append(list, o)
		}
	}
	return list
}

// tryPeer tries one peer until ctx ends. memberlist's Join can't be interrupted,
// but is bounded by TCPTimeout for the connection and again for the exchange.
func (c *Cluster) tryPeer(ctx context.Context, peer netip.AddrPort, results chan<- outcome) {
	defer c.work.Done()
	for ctx.Err() == nil {
		_, err := c.list.Join([]string{peer.String()})
		select {
		case results <- outcome{peer, classify(err), err}:
		case <-ctx.Done():
		}
		wait(ctx, c.tuning.retry)
	}
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// classify reads the answer out of memberlist's error. memberlist passes texts
// on, not errors (memberlist.go, Join: %v), so go by the words: those of package
// net for a connection that could not be made ("dial tcp ...") or that nobody
// answered on ("i/o timeout": a hung peer), and our own for a taken name. All
// else came from somebody: "no installed keys could decrypt the message", "remote
// error: ...", or EOF and reset from one with another label, who just hangs up.
func classify(err error) answer {
	if err == nil {
		return joined
	}
	text := err.Error()
	switch {
	case strings.Contains(text, nameTaken):
		return taken
	case strings.Contains(text, ": dial tcp "), strings.Contains(text, "i/o timeout"):
		return silent
	}
	return refused
}

// verdict returns the error that Join ends with, nil when the peers that were not
// joined are all silent.
func verdict(outcomes []outcome) error {
	if slices.ContainsFunc(outcomes, func(o outcome) bool { return o.answer == joined }) {
		return nil
	}
	var errs []error
	for _, o := range outcomes {
		switch o.answer {
		case taken:
			errs = append(errs, fmt.Errorf("join the farm at %s: %w (%s): give each node a name of its own (node.name)", o.peer, ErrNameTaken, said(o.err)))
		case refused:
			errs = append(errs, fmt.Errorf("join the farm at %s: %w (%s): use the same key file on all nodes; if the farm has changed its key meanwhile, copy it from another node", o.peer, ErrRefused, said(o.err)))
		}
	}
	return errors.Join(errs...)
}

// listOfOne is how memberlist's Join wraps what happened with one peer: a list
// with bullets over several lines.
var listOfOne = regexp.MustCompile(`^1 error occurred: \* (failed to join \S+: )?`)

// said is what memberlist said of a try to join one peer, in one line.
func said(err error) string {
	if err == nil {
		return "no reason given"
	}
	return listOfOne.ReplaceAllString(strings.Join(strings.Fields(err.Error()), " "), "")
}

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}
