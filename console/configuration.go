package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"thresher/config"
)

// Limits of changing the configuration.
const (
	maxConfigBytes = 1 << 20
	// maxBeforeBytes is far above the longest Health, and maxBeforeQuery what is left of
	// a URL for one: more than that goes into the body, which releases that take it from
	// the URL alone refuse.
	maxBeforeBytes = 64 << 10
	maxBeforeQuery = maxHeaderBytes / 2
	// TrialTime is how long a farm has to be well with a new configuration, unless
	// another time is given.
	TrialTime    = 30 * time.Second
	minTrialTime = 5 * time.Second
	maxTrialTime = 10 * time.Minute
)

// Configuration is the text of a node's configuration.
type Configuration struct {
	// Node is whose it is, File where it is there.
	Node string `json:"node"`
	File string `json:"file"`
	Text string `json:"text"`
	// ETag is what a change names by If-Match, so that nobody overwrites what he has
	// not seen (RFC 9110, 13.1.1).
	ETag string `json:"etag"`
}

// ETagOf is a text's.
func ETagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// ConfigOutcome is what a text would do, or does, on one node.
type ConfigOutcome struct {
	Name string `json:"name"`
	// Reload says how it takes effect; nil if it does not.
	Reload *Reload `json:"reload,omitempty"`
	// Diff is how the node's text changes, by lines.
	Diff string `json:"diff,omitempty"`
	// Error is why it does not.
	Error *Error `json:"error,omitempty"`
}

// ConfigOutcomes is what came of a new configuration.
type ConfigOutcomes struct {
	// ID is the trial that has begun; empty if none has.
	ID    string          `json:"id,omitempty"`
	Nodes []ConfigOutcome `json:"nodes"`
}

// Failed tells whether any node refuses.
func (o ConfigOutcomes) Failed() bool {
	return o.failure() != nil
}

// failure is the first node's that refuses; nil if none does.
func (o ConfigOutcomes) failure() error {
	for _, n := range o.Nodes {
		if n.Error != nil {
			return fmt.Errorf("%s: %w", n.Name, n.Error)
		}
	}
	return nil
}

// Text is what came of it, for people.
func (o ConfigOutcomes) Text(check bool) string {
	var b strings.Builder
	for _, n := range o.Nodes {
		switch {
		case n.Error != nil:
			fmt.Fprintf(&b, "%s: %s\n", n.Name, n.Error.Error())
		case n.Reload != nil:
			fmt.Fprintf(&b, "%s: %s", n.Name, ReloadText(*n.Reload, !check))
		}
		if check && n.Diff != "" {
			b.WriteString(n.Diff)
		}
	}
	return b.String()
}

// configuration answers GET /v1/config.
func (s *Server) configuration(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	c, err := s.farm.Configuration()
	if err != nil {
		return err
	}
	w.Header().Set("ETag", c.ETag)
	s.reply(w, r, http.StatusOK, c)
	return nil
}

// configSchema answers GET /v1/config/schema.
func (s *Server) configSchema(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, config.Schema())
	return nil
}

// configChange is a request to change a configuration.
type configChange struct {
	text    []byte
	match   string
	check   bool
	all     bool
	node    string
	id      string // of a trial that another node has begun, with nodes
	nodes   []string
	within  time.Duration
	before  Health
	request *http.Request
}

// readConfigChange reads a PUT of a configuration, by people or by another node.
func readConfigChange(w http.ResponseWriter, r *http.Request, known ...string) (c configChange, err error) {
	q, err := parameters(r, append(known, "check", "within_ms")...)
	if err != nil {
		return c, err
	}
	c = configChange{match: r.Header.Get("If-Match"), node: q.Get("node"), id: q.Get("id"), within: TrialTime, request: r}
	if c.check, err = q.flag("check"); err != nil {
		return c, err
	}
	if c.all, err = q.flag("all"); err != nil {
		return c, err
	}
	if q.Has("nodes") {
		c.nodes = strings.Split(q.Get("nodes"), ",")
	}
	if q.Has("within_ms") {
		ms, err := q.number("within_ms", 42)
		if err != nil {
			return c, err
		}
		c.within = time.Duration(ms) * time.Millisecond
	}
	if c.within < minTrialTime || c.within > maxTrialTime {
		return c, badRequest(fmt.Sprintf("use %d to %d", minTrialTime.Milliseconds(), maxTrialTime.Milliseconds()), "within_ms %d is out of range", c.within.Milliseconds())
	}
	if err := c.readText(w, r, q); err != nil {
		return c, err
	}
	if len(c.text) == 0 {
		return c, badRequest("send the configuration's text", "the body is empty")
	}
	if c.match == "" {
		return c, &Error{Code: CodePrecondition, Message: "the request does not say which text it changes", Cure: "get the configuration, and send its ETag as If-Match"}
	}
	return c, nil
}

// readText reads the text, and how well the farm was, which is a parameter or the body's
// first line.
func (c *configChange) readText(w http.ResponseWriter, r *http.Request, q query) error {
	first, err := q.flag("before_first")
	if err != nil {
		return err
	}
	limit := int64(maxConfigBytes)
	if first {
		limit += maxBeforeBytes
	}
	c.text, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLong := tooLarge(err); tooLong != nil {
		return tooLong
	}
	if err != nil {
		return badRequest("send the whole of it", "the body can't be read: %v", err)
	}
	before := []byte(q.Get("before"))
	if first {
		before, c.text, _ = bytes.Cut(c.text, []byte("\n"))
	}
	if first || q.Has("before") {
		if err := json.Unmarshal(before, &c.before); err != nil {
			return badRequest(sameRelease, "before can't be read: %v", err)
		}
	}
	return nil
}

// changeConfig answers PUT /v1/config: it makes of the text what it is on each node
// that is to have it, has each check its own, and only if none refuses has them all
// try it.
func (s *Server) changeConfig(w http.ResponseWriter, r *http.Request) error {
	c, err := readConfigChange(w, r, "node", "all")
	if err != nil {
		return err
	}
	if _, err := unhurried(w); err != nil {
		return err
	}
	plans, err := s.planConfig(&c)
	if err != nil {
		return err
	}
	out := s.tryOn(r.Context(), c, plans, nil)
	if c.check || out.Failed() {
		s.reply(w, r, http.StatusOK, out)
		return nil
	}
	c.id, c.before = rand.Text(), HealthOf(s.farm.Status())
	c.before.Failing = nil // each node knows its own
	for _, p := range plans {
		c.nodes = append(c.nodes, p.node.Name)
	}
	checked := out
	answered := false
	out = s.tryOn(r.Context(), c, plans, func() { // this process may end now
		answered = true
		checked.ID = c.id
		s.reply(w, r, http.StatusAccepted, checked)
		_ = http.NewResponseController(w).Flush()
	})
	s.audit(r, callerOf(r).who(), "configuration", strings.Join(c.nodes, ", "), out.failure())
	if answered {
		return nil
	}
	if out.Failed() {
		s.undoEverywhere(r.Context(), plans, c.id)
	} else {
		out.ID = c.id
	}
	s.reply(w, r, http.StatusOK, out)
	return nil
}

// configPlan is what one node's text is to be.
type configPlan struct {
	node Node
	text []byte
	was  Configuration
	err  error
}

// planConfig makes each node's text. The one that was edited comes first in reading
// and this node last, after which nobody may be left to answer.
func (s *Server) planConfig(c *configChange) ([]configPlan, error) {
	q := query{Values: map[string][]string{"node": {c.node}}}
	self := s.farm.Status()
	if c.node == "" {
		c.node = self.Node
		q.Set("node", self.Node)
	}
	edited, err := s.chosen(q)
	if err != nil {
		return nil, err
	}
	base, err := s.configOf(c.request, edited[0])
	if err != nil {
		return nil, err
	}
	if base.ETag != c.match {
		return nil, changedMeanwhile(base.Node)
	}
	nodes := edited
	if c.all {
		if nodes, err = s.chosen(query{Values: map[string][]string{"all": {"1"}}}); err != nil {
			return nil, err
		}
	}
	plans := make([]configPlan, len(nodes))
	for i, n := range nodes {
		p := &plans[i]
		p.node = n
		if n.Name == base.Node {
			p.was, p.text = base, c.text
			continue
		}
		if p.was, p.err = s.configOf(c.request, n); p.err == nil {
			p.text, p.err = config.ForAll([]byte(base.Text), c.text, []byte(p.was.Text))
		}
	}
	return plans, nil
}

func changedMeanwhile(node string) error {
	return &Error{
		Code: CodePrecondition, Message: fmt.Sprintf("the configuration of %s has changed since you have read it", node),
		Cure: "get it again, and make your change in that",
	}
}

// configOf gets a node's configuration.
func (s *Server) configOf(r *http.Request, n Node) (Configuration, error) {
	if n.Name == s.farm.Status().Node {
		return s.farm.Configuration()
	}
	c, err := s.peers.client(n, callerOf(r).who())
	if err != nil {
		return Configuration{}, err
	}
	return c.Configuration(r.Context(), "")
}

// tryOn has each node check its text or, with begun, try it. Of a trial that some
// node does not begin, no more begin. begun is called when this node's own begins by
// a restart.
func (s *Server) tryOn(ctx context.Context, c configChange, plans []configPlan, begun func()) ConfigOutcomes {
	out := ConfigOutcomes{Nodes: []ConfigOutcome{}}
	for _, p := range plans {
		one := ConfigOutcome{Name: p.node.Name, Diff: diffText(p.was.Text, string(p.text))}
		if begun != nil && out.Failed() {
			break
		}
		reload, err := s.tryOne(ctx, c, p, begun)
		if err != nil {
			one.Error = asError(err)
		} else {
			one.Reload = &reload
		}
		out.Nodes = append(out.Nodes, one)
	}
	return out
}

// tryPatience is how long another node may take to look at a configuration, or to begin
// with it: one that is stopped holds up all others, whose time on trial goes by.
const tryPatience = 15 * time.Second

func (s *Server) tryOne(ctx context.Context, c configChange, p configPlan, begun func()) (done Reload, err error) {
	if p.err != nil {
		return done, p.err
	}
	if p.node.Name != s.farm.Status().Node {
		peer, err := s.peers.client(p.node, callerOf(c.request).who())
		if err != nil {
			return done, err
		}
		ctx, cancel := context.WithTimeout(ctx, tryPatience)
		defer cancel()
		return peer.putConfig(ctx, c, p, begun == nil)
	}
	if begun == nil {
		return s.farm.Plan(ctx, p.text)
	}
	err = s.farm.Try(ctx, p.text, p.was.ETag, c.trial(), func(r Reload) {
		if done = r; r.Action == ReloadRestart {
			begun()
		}
	})
	return done, err
}

// trial is the trial that a change begins.
func (c configChange) trial() Trial {
	return Trial{ID: c.id, State: TrialRunning, Deadline: time.Now().Add(c.within), Nodes: c.nodes, Before: c.before}
}

// nodeConfig answers PUT /v1/node/config, which the node asks that people have asked.
func (s *Server) nodeConfig(w http.ResponseWriter, r *http.Request) error {
	c, err := readConfigChange(w, r, "id", "nodes", "before", "before_first")
	if err != nil {
		return err
	}
	rc, err := unhurried(w)
	if err != nil {
		return err
	}
	answer := func(done Reload) {
		body, _ := json.Marshal(done) // strings alone: it cannot fail
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
		s.reply(w, r, http.StatusOK, done)
		_ = rc.Flush()
	}
	if c.check {
		done, err := s.farm.Plan(r.Context(), c.text)
		if err == nil {
			answer(done)
		}
		return err
	}
	if c.id == "" || len(c.id) > 64 || len(c.nodes) == 0 {
		return badRequest("use PUT /v1/config", "the trial has no id, or no nodes")
	}
	answered := false
	err = s.farm.Try(r.Context(), c.text, c.match, c.trial(), func(done Reload) { answered = true; answer(done) })
	s.audit(r, callerOf(r).who(), "configuration", "", err)
	if answered {
		return nil
	}
	return err
}

// Configuration asks for a node's configuration; of the daemon's own node if it is "".
func (c *Client) Configuration(ctx context.Context, node string) (out Configuration, err error) {
	q := map[string][]string{}
	if node != "" {
		q["node"] = []string{node}
	}
	err = c.ask(ctx, "/v1/config", q, &out)
	return out, err
}

// ConfigChange is a new text for a configuration.
type ConfigChange struct {
	// Text is to become Node's; of the daemon's own node if it is "".
	Text []byte
	Node string
	// ETag is of the text that was changed.
	ETag string
	// All has every node make the change.
	All bool
	// Check only says what would happen.
	Check bool
	// Within is how long the farm has to be well with it; 0 for TrialTime.
	Within time.Duration
}

// ChangeConfig has a configuration checked, or tried.
func (c *Client) ChangeConfig(ctx context.Context, change ConfigChange) (out ConfigOutcomes, err error) {
	q := map[string][]string{"check": {strconv.FormatBool(change.Check)}, "all": {strconv.FormatBool(change.All)}}
	if change.Node != "" {
		q["node"] = []string{change.Node}
	}
	if change.Within > 0 {
		q["within_ms"] = []string{strconv.FormatInt(change.Within.Milliseconds(), 10)}
	}
	return out, c.put(ctx, "/v1/config", q, change.ETag, change.Text, &out)
}

func (c *Client) putConfig(ctx context.Context, change configChange, p configPlan, check bool) (done Reload, err error) {
	q, body, err := change.toNode(p.text, check)
	if err != nil {
		return done, err
	}
	return done, c.put(ctx, "/v1/node/config", q, p.was.ETag, body, &done)
}

// toNode is a request to a node whose text it is; readConfigChange reads it.
func (c configChange) toNode(text []byte, check bool) (q url.Values, body []byte, err error) {
	q = url.Values{"check": {strconv.FormatBool(check)}, "within_ms": {strconv.FormatInt(c.within.Milliseconds(), 10)}}
	if check {
		return q, text, nil
	}
	before, err := json.Marshal(c.before)
	if err != nil {
		return nil, nil, err
	}
	q["id"], q["nodes"] = []string{c.id}, []string{strings.Join(c.nodes, ",")}
	if len(url.QueryEscape(string(before))) <= maxBeforeQuery {
		q["before"] = []string{string(before)}
		return q, text, nil
	}
	q["before_first"] = []string{"1"}
	return q, slices.Concat(before, []byte("\n"), text), nil
}

// put sends a text and takes the answer.
func (c *Client) put(ctx context.Context, path string, q map[string][]string, match string, text []byte, into any) error {
	resp, err := c.request(ctx, http.MethodPut, path, q, text, match)
	if err != nil {
		return err
	}
	return c.take(resp, "the answer of "+path, into)
}

// undoEverywhere ends a trial that not all nodes have begun. The others are told at once,
// so that those that don't answer are waited for together; then this node, which may end
// it by a restart.
func (s *Server) undoEverywhere(ctx context.Context, plans []configPlan, id string) {
	ctx = context.WithoutCancel(ctx)
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	self := s.farm.Status().Node
	var telling sync.WaitGroup
	for _, p := range plans {
		if p.node.Name == self {
			continue
		}
		if c, err := s.peers.client(p.node, ""); err == nil { // else it can't have been told to begin
			telling.Go(func() { s.notUndone(p.node.Name, c.UndoTrial(bounded, id)) })
		}
	}
	telling.Wait()
	s.notUndone(self, s.endTrial(ctx, id, "another node refused it"))
}

// notUndone says so of a node that has not ended a trial though it has one.
func (s *Server) notUndone(node string, err error) {
	if err != nil && asError(err).Code != errNoTrial.Code {
		s.logger.Warn("a trial goes on until its time is over", "node", node, "error", err)
	}
}
