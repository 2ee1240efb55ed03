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
	// Action is start, stop, drain or restart.
	Action string
	// Node names the node; empty for all.
	Node string
	// Deadline ends a drain; 0 for when the last flow has ended.
	Deadline time.Duration
}

// Change has a change made, and says what came of it on each node.
func (c *Client) Change(ctx context.Context, change Change) (Outcomes, error) {
	q := url.Values{"all": {"1"}}
	if change.Node != "" {
		q = url.Values{"node": {change.Node}}
	}
	if change.Deadline > 0 {
		q.Set("deadline_ms", strconv.FormatInt(max(1, change.Deadline.Milliseconds()), 10))
	}
	path := "/v1/farm/" + change.Action
	var out Outcomes
	err := c.post(ctx, path, q, "the answer of "+path, &out)
	return out, err
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
