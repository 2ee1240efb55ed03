package console

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"thresher/config"
	"thresher/console/rotation"
)

// keyChange takes a farm to another gossip key, or back. What is to be done, rotation
// decides from what the nodes say after each phase; a change that ends early is gone on
// with by the next one, on whatever node knows the new key.
type keyChange struct {
	*Server
	r           *http.Request
	turn        string
	abort       bool
	leaveBehind bool

	nodes []Node   // that take part
	left  []string // that do not
}

func (c *keyChange) run(ctx context.Context) (KeyReport, error) {
	all, err := c.keyNodes()
	if err != nil {
		return KeyReport{}, err
	}
	report, err := c.gather(ctx, all)
	if err != nil {
		return report, err
	}
	defer c.end(ctx)
	for _, n := range c.nodes {
		if err := c.do(ctx, n, keyRequest{Turn: c.turn}); err != nil {
			return report, err
		}
	}
	// Only what is seen from here on nobody else changes.
	ids, fresh, err := c.aims(c.keyReport(ctx, c.nodes))
	if err != nil {
		return report, err
	}
	for _, id := range ids {
		if report, err = c.goTo(ctx, id, fresh); err != nil {
			return report, err
		}
	}
	return report, nil
}

// gather finds out who takes part: all nodes, unless some may be left behind.
func (c *keyChange) gather(ctx context.Context, all []Node) (KeyReport, error) {
	report := c.keyReport(ctx, all)
	var silent []string
	for i, n := range report.Nodes {
		if n.Problem != "" {
			c.left = append(c.left, n.Name)
			silent = append(silent, fmt.Sprintf("node %s does not take part: %s", n.Name, n.Problem))
			continue
		}
		c.nodes = append(c.nodes, all[i])
	}
	if len(report.Unmet) > 0 {
		unmet := report.unmetPeers()
		c.left = append(c.left, unmet...)
		silent = append(silent, "nobody has been met at "+strings.Join(unmet, ", ")+", which the configuration names")
	}
	for _, u := range report.Unknown {
		c.left = append(c.left, u.Name)
		silent = append(silent, "node "+u.Name+" "+u.why())
	}
	report.LeftBehind = c.left
	if len(silent) == 0 || c.leaveBehind {
		return report, nil
	}
	return report, &Error{
		Code: CodeConflict, Message: "the key is not changed any further: " + strings.Join(silent, "; "),
		Cure: "bring them back and try again, or go on without them by --leave-behind: then copy the key file to them before they start",
	}
}

// aims are the keys to go to or away from, and the key itself where it is a new one.
func (c *keyChange) aims(report KeyReport) (ids []string, fresh [32]byte, err error) {
	ids = report.UnderWay
	switch {
	case c.abort && len(ids) == 0:
		return nil, fresh, &Error{Code: CodeConflict, Message: "no change of the key is under way", Cure: "thresher key rotate begins one"}
	case c.abort:
		return ids, fresh, nil
	case len(ids) > 1:
		return nil, fresh, &Error{Code: CodeConflict, Message: "two changes of the key have met", Cure: "thresher key rotate --abort, and begin again"}
	case len(ids) == 1:
		return ids, fresh, nil
	}
	_, _ = rand.Read(fresh[:]) // never fails (crypto/rand)
	return []string{config.KeyID(fresh)}, fresh, nil
}

// goTo goes forward to a key, or with abort away from it, phase by phase.
func (c *keyChange) goTo(ctx context.Context, id string, fresh [32]byte) (KeyReport, error) {
	for last := config.KeyStep(""); ; {
		report := c.keyReport(ctx, c.nodes)
		report.LeftBehind = c.left
		step, err := c.plan(report, id)
		if err != nil || len(step.Nodes) == 0 {
			return report, err
		}
		if last != "" && last != step.Do {
			if err := rest(ctx, keyRest); err != nil {
				return report, err
			}
		}
		if last != step.Do {
			if err := c.stillAll(); err != nil {
				return report, err
			}
		}
		last = step.Do
		if err := c.carryOut(ctx, step, fresh); err != nil {
			return report, err
		}
	}
}

// stillAll looks at the members again before each phase: who has come since may have
// the old key alone, which is about to go out of use.
func (c *keyChange) stillAll() error {
	now, err := c.keyNodes()
	if err != nil {
		return err
	}
	for _, n := range now {
		if asked := slices.ContainsFunc(c.nodes, func(one Node) bool { return one.Name == n.Name }); !asked && !slices.Contains(c.left, n.Name) {
			return unfinished(n.Name, "it has come since the others were asked")
		}
	}
	return nil
}

// plan is what comes next; a node that has fallen silent ends the change.
func (c *keyChange) plan(report KeyReport, id string) (s rotation.Step, err error) {
	for _, n := range report.Nodes {
		if n.Problem != "" {
			return s, unfinished(n.Name, n.Problem)
		}
	}
	for _, u := range report.Unknown {
		if !slices.Contains(c.left, u.Name) {
			return s, unfinished(u.Name, "it "+u.why())
		}
	}
	if c.abort {
		if s, err = rotation.Backward(report.known(), id); err != nil {
			err = &Error{Code: CodeConflict, Message: "it is too late to go back: " + err.Error(), Cure: "thresher key rotate goes on to the new one"}
		}
		return s, err
	}
	if err := rotation.Check(report.known(), id); err != nil {
		return s, &Error{Code: CodeConflict, Message: err.Error(), Cure: "copy the key file from another node to it, and restart it"}
	}
	return rotation.Forward(report.known(), id), nil
}

// carryOut has the nodes do a step, and stops at the first that fails.
func (c *keyChange) carryOut(ctx context.Context, step rotation.Step, fresh [32]byte) error {
	in := keyRequest{Turn: c.turn, Step: step.Do, ID: step.ID}
	if step.Do == config.KeyAdd {
		key, err := c.key(ctx, step.ID, fresh)
		if err != nil {
			return err
		}
		in.Key = key[:]
	}
	for _, n := range c.nodes {
		if slices.Contains(step.Nodes, n.Name) {
			if err := c.do(ctx, n, in); err != nil {
				return unfinished(n.Name, asError(err).Message)
			}
		}
	}
	return nil
}

// key is the key with that id: the new one, or the one that an earlier change has
// brought here.
func (c *keyChange) key(ctx context.Context, id string, fresh [32]byte) ([32]byte, error) {
	if config.KeyID(fresh) == id {
		return fresh, nil
	}
	if key, ok := c.farm.KeyOf(ctx, id); ok {
		return key, nil
	}
	return fresh, &Error{Code: CodeConflict, Message: "this node does not have the new key yet", Cure: "run it on a node that `thresher key rotate --status` shows with it"}
}

func unfinished(node, why string) *Error {
	return &Error{
		Code: CodeConflict, Message: fmt.Sprintf("the change of the key has stopped at node %s: %s", node, why),
		Cure: "nobody is cut off: run `thresher key rotate` again when the node is there, or with --abort to go back",
	}
}

func (c *keyChange) do(ctx context.Context, n Node, in keyRequest) error {
	if n.Name == c.farm.Status().Node {
		return c.doKeys(c.r, in)
	}
	client, err := c.peers.client(n, callerOf(c.r).who())
	if err != nil {
		return err
	}
	return client.doKeys(ctx, in)
}

// end gives all turns back. Who does not hear it waits until they are over.
func (c *keyChange) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farmTimeout)
	defer cancel()
	for _, n := range c.nodes {
		_ = c.do(ctx, n, keyRequest{Turn: c.turn, End: true})
	}
}

// rest waits, unless whoever asks leaves.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
