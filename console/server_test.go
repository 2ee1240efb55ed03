package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatusAndWhere(t *testing.T) {
	f := &fakeFarm{status: farmOfThree(), where: []Where{{Node: "web2", Rule: "web", Bucket: 65535}}}
	c, _ := startServer(t, f, NewLog(0))
	status, err := c.Status(t.Context())
	if diff := cmp.Diff(f.status, status, cmp.Comparer(sameAddr)); diff != "" || err != nil {
		t.Errorf("status: %v (-want +got):\n%s", err, diff)
	}
	where, err := c.Where(t.Context(), netip.MustParseAddr("2001:db8::7"), 40000, "a&b c")
	if !slices.Equal(where, f.where) || err != nil {
		t.Errorf("where: %+v, %v", where, err)
	}
	if _, err := c.Where(t.Context(), netip.MustParseAddr("::ffff:192.0.2.7"), 0, ""); err != nil {
		t.Error(err)
	}
	want := []string{"where [2001:db8::7]:40000 a&b c", "where 192.0.2.7:0 "}
	if diff := cmp.Diff(want, f.called()); diff != "" {
		t.Errorf("the farm was asked (-want +got):\n%s", diff)
	}
}

// Every failure has a code, a message and a cure, however odd what was asked for.
func TestFailuresHaveACure(t *testing.T) {
	f := &fakeFarm{}
	c, _ := startServer(t, f, NewLog(0))
	for _, tt := range []struct {
		method, target string
		status         int
		cure           string
	}{
		{"POST", "/v1/node/undo", 409, "thresher config trial"},
		{"DELETE", "/v1/session", 409, "only a browser's session"},
		{"POST", "/v1/node/capture?client=zz", 400, "write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"},
		{"POST", "/v1/node/weight?weight=1000", 400, "write a number from 0 to 100"},
		{"POST", "/v1/node/weight?weight=200", 400, "write a number from 0 to 100"},
		{"GET", "/v1/buckets?cells=99999999", 400, "write a number from 1 to 65536"},
		{"GET", "/v1/buckets?cells=0", 400, "write a number from 1 to 65536"},
		{"GET", "/v1/buckets?cells=3", 400, "use a power of two from 1 to 65536"},
		{"GET", "/../../etc/passwd", 404, "/v1/openapi.json"},
		{"GET", "/v1//status", 404, "/v1/openapi.json"},
		{"POST", "/v1/./node/stop", 404, "/v1/openapi.json"},
		{"GET", "/metrics", 404, "thresher run"},
	} {
		resp, body := request(t, c, tt.method, tt.target, "")
		var e Error
		if err := json.Unmarshal([]byte(body), &e); err != nil || e.Code == "" || e.Message == "" || !strings.Contains(e.Cure, tt.cure) || resp.StatusCode != tt.status {
			t.Errorf("%s %s: %s %s; want %d and %q", tt.method, tt.target, resp.Status, body, tt.status, tt.cure)
		}
	}
	f.act = func(context.Context) error { return errors.New("out of luck") }
	if _, body := request(t, c, "POST", "/v1/node/start", ""); !strings.Contains(body, `"cure":"the daemon's log`) {
		t.Errorf("a failure of the daemon: %s", body)
	}
}

// Before there was a trial its answer fits the document all the same.
func TestNoTrialYet(t *testing.T) {
	c, _ := startServer(t, &fakeFarm{}, NewLog(0))
	const want = `{"id":"","state":"","nodes":[],"before":{"up":[],"served":[],"failing":[]}}`
	if _, body := request(t, c, "GET", "/v1/trial", ""); strings.TrimSpace(body) != want {
		t.Errorf("%s", body)
	}
}

// Without a rule there is an answer by each: the wire has a list then.
func TestWhereByEachRule(t *testing.T) {
	f := &fakeFarm{where: []Where{{Node: "web2", Rule: "web", Bucket: 7}, {Rule: "dns", Reason: "nobody serves rule dns"}}}
	c, _ := startServer(t, f, NewLog(0))
	where, err := c.Where(t.Context(), netip.MustParseAddr("192.0.2.7"), 40000, "")
	if !slices.Equal(where, f.where) || err != nil {
		t.Errorf("where: %+v, %v", where, err)
	}
	const want = `[{"node":"web2","rule":"web","bucket":7},{"node":"","rule":"dns","bucket":0,"reason":"nobody serves rule dns"}]`
	if _, body := request(t, c, "GET", "/v1/where?client=192.0.2.7", ""); strings.TrimSpace(body) != want {
		t.Errorf("the wire has %s", body)
	}
}

func TestStartDrainAndStop(t *testing.T) {
	f := &fakeFarm{}
	c, _ := startServer(t, f, NewLog(0))
	if err := c.Start(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Stop(t.Context(), false); err != nil {
		t.Error(err)
	}
	for _, deadline := range []time.Duration{0, 90 * time.Second} {
		if err := c.Drain(t.Context(), deadline); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"start", "stop", "drain 0s", "drain 1m30s"}, f.called()); diff != "" {
		t.Errorf("the farm was told (-want +got):\n%s", diff)
	}
}

// The wire form of the answers, for clients that are not ours.
func TestAnswers(t *testing.T) {
	f := &fakeFarm{where: []Where{{Node: "web2", Rule: "web", Bucket: 17}}}
	c, _ := startServer(t, f, NewLog(0))
	for _, tt := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/v1/where?client=192.0.2.7&port=40000&rule=web", 200, `{"node":"web2","rule":"web","bucket":17}`},
		{"GET", "/v1/events", 200, `[]`},
		{"HEAD", "/v1/events", 200, ``},
		{"HEAD", "/v1/events?follow=1", 200, ``},
		{"POST", "/v1/node/start", 204, ``},
		{"POST", "/v1/node/stop", 204, ``},
		{"POST", "/v1/node/drain", 204, ``},
		{"POST", "/v1/node/drain?deadline_ms=1500", 204, ``},
	} {
		resp, body := request(t, c, tt.method, tt.target, "")
		if resp.StatusCode != tt.status || strings.TrimSpace(body) != tt.body {
			t.Errorf("%s %s: %s, %q", tt.method, tt.target, resp.Status, body)
		}
	}
}

func TestRefusals(t *testing.T) {
	c, _ := startServer(t, &fakeFarm{}, NewLog(0))
	for _, tt := range []struct {
		method, target string
		status         int
		code, mentions string
	}{
		{"GET", "/nowhere", 404, CodeNotFound, "/v1/status"},
		{"GET", "/v1/status/", 404, CodeNotFound, "/v1/status/"},
		{"POST", "/v2/node/start", 404, CodeNotFound, "/v2/node/start"},
		{"POST", "/v1/status", 405, CodeMethodNotAllowed, "use GET"},
		{"DELETE", "/v1/events", 405, CodeMethodNotAllowed, "DELETE"},
		{"GET", "/v1/node/start", 405, CodeMethodNotAllowed, "use POST"},
		{"HEAD", "/v1/node/stop", 405, "", ""},
		{"GET", "/v1/status?verbose=1", 400, CodeBadRequest, "verbose"},
		{"POST", "/v1/node/stop?now=1", 400, CodeBadRequest, "now"},
		{"GET", "/v1/where", 400, CodeBadRequest, "client"},
		{"GET", "/v1/where?client=web1", 400, CodeBadRequest, "web1"},
		{"GET", "/v1/where?client=192.0.2.7:80", 400, CodeBadRequest, "port"},
		{"GET", "/v1/where?client=fe80::1%25eth0", 400, CodeBadRequest, "eth0"},
		{"GET", "/v1/where?client=192.0.2.7&port=65536", 400, CodeBadRequest, "65535"},
		{"GET", "/v1/where?client=192.0.2.7&port=-1", 400, CodeBadRequest, "-1"},
		{"GET", "/v1/where?client=192.0.2.7&prot=80", 400, CodeBadRequest, "client, port, rule"},
		{"GET", "/v1/where?client=192.0.2.7&client=192.0.2.8", 400, CodeBadRequest, "once"},
		{"GET", "/v1/where?client=%zz", 400, CodeBadRequest, "%zz"},
		{"GET", "/v1/events?since=new", 400, CodeBadRequest, "new"},
		{"GET", "/v1/events?since=18446744073709551616", 400, CodeBadRequest, "18446744073709551615"},
		{"GET", "/v1/events?follow=perhaps", 400, CodeBadRequest, "perhaps"},
	} {
		t.Run(tt.method+" "+tt.target, func(t *testing.T) {
			resp, body := request(t, c, tt.method, tt.target, "")
			if resp.StatusCode != tt.status {
				t.Errorf("status %s", resp.Status)
			}
			if tt.status == 405 && resp.Header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
			if tt.code == "" {
				return
			}
			var e Error
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatalf("%v in %q", err, body)
			}
			if e.Code != tt.code || !strings.Contains(e.Error(), tt.mentions) {
				t.Errorf("%+v, want %s that mentions %q", e, tt.code, tt.mentions)
			}
		})
	}
}

func TestTooMuch(t *testing.T) {
	f := &fakeFarm{}
	c, _ := startServer(t, f, NewLog(0))
	resp, body := request(t, c, "POST", "/v1/node/stop", strings.Repeat("x", maxBodyBytes+1))
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, CodeTooLarge) {
		t.Errorf("large body: %s, %s", resp.Status, body)
	}
	resp, _ = request(t, c, "GET", "/v1/where?rule="+strings.Repeat("x", maxHeaderBytes+8192), "")
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("large header: %s", resp.Status)
	}
	if calls := f.called(); calls != nil {
		t.Errorf("the farm was asked %v", calls)
	}
}

func TestFarmErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		status int
		want   Error
	}{
		{"plain", errors.New("disk on fire"), 500, *internal(errors.New("disk on fire"))},
		{"own", &Error{CodeConflict, "the node is starting", "wait"}, 409, Error{CodeConflict, "the node is starting", "wait"}},
		{"wrapped", fmt.Errorf("stop: %w", &Error{CodeUnavailable, "no view yet", ""}), 503, Error{CodeUnavailable, "no view yet", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := startServer(t, &fakeFarm{err: tt.err}, NewLog(0))
			if resp, _ := request(t, c, "POST", "/v1/node/stop", ""); resp.StatusCode != tt.status {
				t.Errorf("status %s, want %d", resp.Status, tt.status)
			}
			var got *Error
			if err := c.Start(t.Context()); !errors.As(err, &got) || *got != tt.want {
				t.Errorf("the client got %v, want %v", err, &tt.want)
			}
		})
	}
}

func TestStatusThatCannotBeRendered(t *testing.T) {
	f := &fakeFarm{status: Status{Nodes: []Node{{Shares: map[string]float64{"web": math.NaN()}}}}}
	c, _ := startServer(t, f, NewLog(0))
	var e *Error
	if _, err := c.Status(t.Context()); !errors.As(err, &e) || e.Code != CodeInternal {
		t.Errorf("error %v, want one of the daemon's", err)
	}
}

// Who leaves while the farm works on its request is noticed, and a body read to
// its end is what makes that so.
func TestLeavingEndsTheWaiting(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	f := &fakeFarm{act: func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}}
	c, _ := startServer(t, f, NewLog(0))
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- c.Stop(ctx, false) }()
	<-begun
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the farm got %v", err)
	}
}

// request sends one request as any HTTP client would.
func request(t *testing.T, c *Client, method, target, body string) (*http.Response, string) {
	t.Helper()
	conn := dialClient(t, c)
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}
