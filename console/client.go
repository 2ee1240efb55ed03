package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	// DefaultAPI is where a daemon listens unless its configuration says
	// otherwise.
	DefaultAPI = "unix:///run/thresher/api.sock"
	// askTimeout is how long a client waits for an answer that the daemon gives
	// from memory.
	askTimeout = 10 * time.Second
	// maxReply is the longest answer that a client reads: far above 32 nodes with
	// 256 rules, or a full log.
	maxReply = 64 << 20
	// unreachableCure is what to do when no daemon answers.
	unreachableCure = "is the daemon running? start it with thresher run --config FILE, or name its socket by --api"
)

// Client talks to one daemon. It may be used by many goroutines. Its methods
// return the daemon's own *Error where it gave one, and an *Error with
// CodeUnreachable where none answered.
type Client struct {
	http         *http.Client
	api          string
	scheme, host string
	behalf       string // who asks through this node; "" if nobody does
}

// NewClient returns a client of the daemon at api, which is the socket's absolute
// path, with unix:// before it or without. It connects to nothing yet.
func NewClient(api string) (*Client, error) {
	if filepath.IsAbs(api) {
		api = (&url.URL{Scheme: "unix", Path: api}).String()
	}
	u, err := url.Parse(api)
	if err != nil || u.Scheme != "unix" || u.Host != "" || !filepath.IsAbs(u.Path) {
		return nil, badRequest("write unix:// and the socket's absolute path, as in "+DefaultAPI,
			"API address %q is not one of a unix socket", api)
	}
	var dialer net.Dialer
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", u.Path)
	}
	return &Client{api: api, scheme: "http", host: "thresher", http: &http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

// Close gives up the connections that no call is using.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks for the node's and the farm's state.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.ask(ctx, "/v1/status", nil, &s)
	return s, err
}

// Where asks which node serves a client by a rule; an empty one is each that there
// is. Port 0 is no port given.
func (c *Client) Where(ctx context.Context, client netip.Addr, port uint16, rule string) ([]Where, error) {
	q := url.Values{"client": {client.String()}}
	if port != 0 {
		q.Set("port", strconv.Itoa(int(port)))
	}
	if rule != "" {
		q.Set("rule", rule)
	}
	var answer oneOrMore[Where]
	err := c.ask(ctx, "/v1/where", q, &answer)
	return answer, err
}

// Events asks for the events held whose number is above since, oldest first.
func (c *Client) Events(ctx context.Context, since uint64) ([]Event, error) {
	var events []Event
	err := c.ask(ctx, "/v1/events", sinceQuery(since), &events)
	return events, err
}

// Follow hands a node's events whose number is above since to each, as they come,
// until each fails, ctx is done or the daemon ends; it returns the error of
// whichever it was. Events that the reader was too slow for are replaced by one
// of KindEventsLost. A node of "" is the one that is asked.
func (c *Client) Follow(ctx context.Context, node string, since uint64, each func(Event) error) error {
	q := atNode(node)
	q.Set("since", strconv.FormatUint(since, 10))
	return followed(ctx, c, "/v1/events", q, each)
}

// FollowStatus hands the node's state to each, once a second and as soon as something
// has happened, until each fails, ctx is done or the daemon ends.
func (c *Client) FollowStatus(ctx context.Context, each func(Status) error) error {
	return followed(ctx, c, "/v1/status", url.Values{}, each)
}

// followed hands what a path streams to each.
func followed[T any](ctx context.Context, c *Client, path string, q url.Values, each func(T) error) error {
	q.Set("follow", "1")
	resp, err := c.begin(ctx, path, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var own error
	err = readEvents(resp.Body, func(v T) error { own = each(v); return own })
	if own != nil {
		return own
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ended := &Error{Code: CodeUnreachable, Message: "the daemon at " + c.api + " ended the stream of " + path, Cure: unreachableCure}
	if err != nil {
		ended.Message += ": " + err.Error()
	}
	return ended
}

// Start brings the node up, and waits until the daemon says that it is done.
func (c *Client) Start(ctx context.Context) error { return c.tell(ctx, "/v1/node/start", nil) }

// Stop takes the node out, and waits until the daemon says that nothing new is let
// in. force waits for no connection, and asks no service.
func (c *Client) Stop(ctx context.Context, force bool) error {
	q := url.Values{}
	if force {
		q.Set("force", "1")
	}
	return c.tell(ctx, "/v1/node/stop", q)
}

// Cordon drains the node and has it stay out over boots; Uncordon brings it back.
func (c *Client) Cordon(ctx context.Context) error   { return c.tell(ctx, "/v1/node/cordon", nil) }
func (c *Client) Uncordon(ctx context.Context) error { return c.tell(ctx, "/v1/node/uncordon", nil) }

// Suspend has the node's checks not count, Resume has them count again.
func (c *Client) Suspend(ctx context.Context) error { return c.tell(ctx, "/v1/node/suspend", nil) }
func (c *Client) Resume(ctx context.Context) error  { return c.tell(ctx, "/v1/node/resume", nil) }

// Reset forgets the failures of services and checks, and starts a node that has
// stopped because of them.
func (c *Client) Reset(ctx context.Context) error { return c.tell(ctx, "/v1/node/reset", nil) }

// Drain has the node let no new flow in, and waits until the daemon says that it
// does. The node stops when its last flow has ended or, if the deadline is not 0,
// after so long, in whole milliseconds.
func (c *Client) Drain(ctx context.Context, deadline time.Duration) error {
	q := url.Values{}
	if deadline > 0 {
		q.Set("deadline_ms", strconv.FormatInt(max(1, deadline.Milliseconds()), 10))
	}
	return c.tell(ctx, "/v1/node/drain", q)
}

func sinceQuery(since uint64) url.Values {
	return url.Values{"since": {strconv.FormatUint(since, 10)}}
}

// ask gets a value that the daemon answers at once.
func (c *Client) ask(ctx context.Context, path string, q url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := c.send(ctx, http.MethodGet, path, q)
	if err != nil {
		return err
	}
	return c.take(resp, "the answer of "+path, into)
}

// post posts a command and takes the answer, which is what.
func (c *Client) post(ctx context.Context, path string, q url.Values, what string, into any) error {
	resp, err := c.send(ctx, http.MethodPost, path, q)
	if err != nil {
		return err
	}
	return c.take(resp, what, into)
}

// take reads a response, which is what, and closes it.
func (c *Client) take(resp *http.Response, what string, into any) error {
	defer resp.Body.Close()
	// Unknown fields are a newer daemon's, and no error.
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxReply)).Decode(into); err != nil {
		return fmt.Errorf("read %s from %s: %w", what, c.api, err)
	}
	return nil
}

// tell posts a command and takes no answer but its success.
func (c *Client) tell(ctx context.Context, path string, q url.Values) error {
	resp, err := c.send(ctx, http.MethodPost, path, q)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// send makes one request. The response is a success, and its body the caller's
// to close.
func (c *Client) send(ctx context.Context, method, path string, q url.Values) (*http.Response, error) {
	return c.request(ctx, method, path, q, nil, "")
}

// begin makes a request whose answer has no end of its own: only its beginning must
// come in time.
func (c *Client) begin(ctx context.Context, path string, q url.Values) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(askTimeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	resp, err := c.send(ctx, http.MethodGet, path, q)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = c.unreached(path, cause)
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &endless{resp.Body, cancel}
	return resp, nil
}

// endless is the body of such an answer.
type endless struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close is io.Closer's.
func (e *endless) Close() error {
	e.cancel(nil)
	return e.ReadCloser.Close()
}

// request is send with a body, and with the ETag of what it changes.
func (c *Client) request(ctx context.Context, method, path string, q url.Values, body []byte, match string) (*http.Response, error) {
	target := url.URL{Scheme: c.scheme, Host: c.host, Path: path, RawQuery: q.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	if c.behalf != "" {
		req.Header.Set(behalfHeader, onBehalf(c.behalf))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreached(path, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

// refusal reads the Error in a response that is no success.
func refusal(resp *http.Response) error {
	var e Error
	err := json.NewDecoder(io.LimitReader(resp.Body, maxReply)).Decode(&e)
	if err != nil || e.Code == "" || e.Message == "" {
		return &Error{Code: CodeInternal, Message: "the daemon answered " + resp.Status,
			Cure: "see that --api names a thresher daemon of this version"}
	}
	return &e
}

// bareURLError leaves out the address, which the message around it says already.
func bareURLError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// unreached says why no daemon answered.
func (c *Client) unreached(path string, err error) error {
	e := &Error{Code: CodeUnreachable, Cure: unreachableCure}
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("ask %s for %s: %w", c.api, path, context.Canceled)
	case errors.Is(err, fs.ErrNotExist):
		e.Message = "no daemon at " + c.api + ": there is no such socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message = "no daemon at " + c.api + ": nobody listens"
	case errors.Is(err, fs.ErrPermission):
		e.Message = "no access to " + c.api
		e.Cure = "run this as root or as a member of the socket's group"
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = "the daemon at " + c.api + " did not answer in time"
		e.Cure = "is the machine overloaded, or the daemon stopped by a signal?"
	default:
		e.Message = fmt.Sprintf("the daemon at %s broke off: %v", c.api, err)
	}
	return e
}
