package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// What a reload does.
const (
	// ReloadNothing is that nothing has changed.
	ReloadNothing = "nothing"
	// ReloadWeights is that the farm is told other weights.
	ReloadWeights = "weights"
	// ReloadRestart is a restart in place.
	ReloadRestart = "restart"
)

// Reload is what a reload does, or would do.
type Reload struct {
	// Action is one of the constants above.
	Action string `json:"action"`
	// Changes are the differences between the configuration in force and the file,
	// for people.
	Changes []string `json:"changes"`
	// Warnings are what is odd about the file, and not wrong.
	Warnings []string `json:"warnings,omitempty"`
}

// reload answers POST /v1/node/reload: 200 when all is done or was only to be
// checked, 202 when a restart begins. Of that the client learns the end from the
// events.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "check")
	if err != nil {
		return err
	}
	check, err := q.flag("check")
	if err != nil {
		return err
	}
	rc, err := unhurried(w)
	if err != nil {
		return err
	}
	answered := false
	who := callerOf(r).who()
	err = s.farm.Reload(r.Context(), check, func(done Reload) {
		answered = true
		if !check {
			s.audit(r, who, "reload", "", nil)
		}
		status := http.StatusOK
		if done.Action == ReloadRestart && !check {
			status = http.StatusAccepted
		}
		// Its length, so that the answer is whole though this process may end.
		body, _ := json.Marshal(done) // strings alone: it cannot fail
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
		s.reply(w, r, status, done)
		_ = rc.Flush() // the client may have gone
	})
	if answered && err != nil {
		s.logger.Error("restart failed", "error", err)
		return nil
	}
	if err != nil {
		s.audit(r, who, "reload", "", err)
	}
	return err
}

// weight answers POST /v1/node/weight; without a weight the configured one holds.
func (s *Server) weight(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "rule", "weight")
	if err != nil {
		return err
	}
	weight, err := q.weight()
	if err != nil {
		return err
	}
	return s.carryOut(w, r, actionWeight, func(ctx context.Context) error { return s.farm.Weigh(ctx, q.Get("rule"), weight) })
}

// weight returns the parameter weight; nil, which is the configured one, if it is not
// there.
func (q query) weight() (*uint8, error) {
	if !q.Has("weight") {
		return nil, nil
	}
	n, err := q.within("weight", 0, 0, 100)
	weight := uint8(n)
	return &weight, err
}

// Reload has the daemon read its configuration again, or with check only say what
// that would do. It returns when that has taken effect, over a restart too.
func (c *Client) Reload(ctx context.Context, check bool) (Reload, error) {
	since, err := c.lastEvent(ctx)
	if err != nil {
		return Reload{}, err
	}
	var done Reload
	if err := c.post(ctx, "/v1/node/reload", url.Values{"check": {strconv.FormatBool(check)}}, "what a reload does", &done); err != nil {
		return done, err
	}
	if check || done.Action != ReloadRestart {
		return done, nil
	}
	_, err = c.awaitRestart(ctx, since)
	return done, err
}

// Weigh sets the node's weight of a rule; nil sets the configured one.
func (c *Client) Weigh(ctx context.Context, rule string, weight *uint8) error {
	return c.tell(ctx, "/v1/node/weight", weightQuery(rule, weight))
}

func weightQuery(rule string, weight *uint8) url.Values {
	q := url.Values{"rule": {rule}}
	if weight != nil {
		q.Set("weight", strconv.Itoa(int(*weight)))
	}
	return q
}

// ReloadText renders a reload for a person: in force says whether it is done, or
// was only checked.
func ReloadText(r Reload, inForce bool) string {
	lead := map[string][2]string{
		ReloadNothing: {"nothing would change", "nothing has changed"},
		ReloadWeights: {"these would take effect at once, with no connection lost:", "in force:"},
		ReloadRestart: {"these would take effect by a restart in place, with no connection lost:", "in force, by a restart in place:"},
	}[r.Action]
	var b strings.Builder
	b.WriteString(lead[map[bool]int{false: 0, true: 1}[inForce]] + "\n")
	for _, change := range r.Changes {
		b.WriteString("  " + change + "\n")
	}
	for _, warning := range r.Warnings {
		b.WriteString("warning: " + warning + "\n")
	}
	return b.String()
}
