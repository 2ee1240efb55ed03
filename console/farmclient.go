package console

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Farm asks for what all nodes know about themselves.
func (c *Client) Farm(ctx context.Context) (FarmStatus, error) {
	var f FarmStatus
	err := c.ask(ctx, "/v1/farm", nil, &f)
	return f, err
}

// StatusOf asks for another node's state, through this one.
func (c *Client) StatusOf(ctx context.Context, node string) (Status, error) {
	var s Status
	err := c.ask(ctx, "/v1/status", url.Values{"node": {node}}, &s)
	return s, err
}

// EventsOf asks for a node's events, through this one; "" for its own.
func (c *Client) EventsOf(ctx context.Context, node string) ([]Event, error) {
	var events []Event
	err := c.ask(ctx, "/v1/events", atNode(node), &events)
	return events, err
}

// atNode has another node answer than the one that is asked, unless it is "".
func atNode(node string) url.Values {
	if node == "" {
		return url.Values{}
	}
	return url.Values{"node": {node}}
}

// TrafficOf asks for a node's traffic, through this one; "" for its own.
func (c *Client) TrafficOf(ctx context.Context, node string) (Traffic, error) {
	var t Traffic
	err := c.ask(ctx, "/v1/traffic", atNode(node), &t)
	return t, err
}

// Change is a change of one node or of all.
type Change struct {
	// Action is start, stop, drain, restart or weight.
	Action string
	// Node names the node; empty for all.
	Node string
	// Deadline ends a drain; 0 for when the last flow has ended.
	Deadline time.Duration
	// Rule and Weight are what weight sets, as Weigh does.
	Rule   string
	Weight *uint8
}

// Change has a change made, and says what came of it on each node. Nodes that were
// to restart have when it returns, the one that was asked too.
func (c *Client) Change(ctx context.Context, change Change) (out Outcomes, err error) {
	asked, since := "", uint64(0)
	if change.Action == actionRestart {
		if asked, since, err = c.before(ctx); err != nil {
			return out, err
		}
	}
	q := url.Values{}
	if change.Action == actionWeight {
		q = weightQuery(change.Rule, change.Weight)
	}
	if change.Node != "" {
		q.Set("node", change.Node)
	} else {
		q.Set("all", "1")
	}
	if change.Deadline > 0 {
		q.Set("deadline_ms", strconv.FormatInt(max(1, change.Deadline.Milliseconds()), 10))
	}
	path := "/v1/farm/" + change.Action
	if err := c.post(ctx, path, q, "the answer of "+path, &out); err != nil {
		return out, err
	}
	for i, one := range out.Nodes {
		// The node answers just before its process is replaced.
		if one.Name == asked && one.Error == nil {
			if _, err := c.awaitRestart(ctx, since); err != nil {
				out.Nodes[i].Error = asError(err)
			}
		}
	}
	return out, nil
}

// before says which node is asked, and the number of its newest event.
func (c *Client) before(ctx context.Context) (node string, since uint64, err error) {
	s, err := c.Status(ctx)
	if err != nil {
		return "", 0, err
	}
	since, err = c.lastEvent(ctx)
	return s.Node, since, err
}

// Failed is how many nodes did not make the change.
func (o Outcomes) Failed() (n int) {
	for _, one := range o.Nodes {
		if one.Error != nil {
			n++
		}
	}
	return n
}
