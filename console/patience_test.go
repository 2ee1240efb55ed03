package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stopped is a node whose connections are there and that never answers.
type stopped struct{}

func (stopped) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// without is a node that has nothing on trial.
type without struct{}

func (without) RoundTrip(*http.Request) (*http.Response, error) {
	body, err := json.Marshal(errNoTrial)
	return &http.Response{StatusCode: http.StatusConflict, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, err
}

// TestStoppedNodesAreNotWaitedFor: nodes that were stopped in the middle hold up a
// trial, and its end, for so long and no longer, however many they are. Of one that had
// not begun it nobody says that it goes on.
func TestStoppedNodesAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := []Node{{Name: "a", Address: loopback(0)}, {Name: "b", Address: loopback(1)}, {Name: "c", Address: loopback(2)}, {Name: "d", Address: loopback(3)}}
		f := &fakeFarm{status: Status{Node: "a", Nodes: nodes}, trial: Trial{ID: "x", State: TrialRunning}}
		var said bytes.Buffer
		s := NewServer(f, NewLog(0), slog.New(slog.NewTextHandler(&said, nil)))
		s.peers = newPeers("a", nil, 1)
		for i, way := range []http.RoundTripper{stopped{}, stopped{}, without{}} {
			s.peers.known[peer{nodes[i+1].Name, nodes[i+1].Address}] = &http.Client{Transport: way}
		}
		plans := []configPlan{{node: nodes[1]}, {node: nodes[2]}, {node: nodes[3]}, {node: nodes[0]}}

		begun := time.Now()
		_, err := s.tryOne(t.Context(), configChange{request: httptest.NewRequest("PUT", "/v1/config", nil)}, plans[0], func() {})
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnreachable || time.Since(begun) != tryPatience {
			t.Errorf("to try it took %v: %v", time.Since(begun), err)
		}
		begun = time.Now()
		ctx, gone := context.WithCancel(t.Context())
		gone() // who has asked may leave
		s.undoEverywhere(ctx, plans, "x")
		if took := time.Since(begun); took != askTimeout || f.trial.State != TrialUndone {
			t.Errorf("to undo it took %v, here it is %s", took, f.trial.State)
		}
		for _, n := range nodes {
			if warned := strings.Contains(said.String(), "node="+n.Name); warned != (n.Name == "b" || n.Name == "c") {
				t.Errorf("node %s is warned of: %v\n%s", n.Name, warned, said.String())
			}
		}
	})
}

// mute is a node that hangs when it is told something, but not yet when it is asked.
type mute struct{}

func (mute) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		return stopped{}.RoundTrip(r)
	}
	return uneventful{}.RoundTrip(r)
}

// done is a node that does what it is told.
type done struct{}

func (done) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
}

// TestHungNodesAreNotWaitedFor: a node that hangs while its kernel still answers holds up
// a change of all for so long and no longer. It is named with what to do, and the others
// make the change; one that has become unreachable meanwhile is not waited for at all.
func TestHungNodesAreNotWaitedFor(t *testing.T) {
	for action, patience := range map[string]time.Duration{
		actionStart: tellTimeout, actionStop: tellTimeout, actionDrain: tellTimeout, actionWeight: tellTimeout, actionRestart: restartPatience,
	} {
		synctest.Test(t, func(t *testing.T) {
			nodes := []Node{{Name: "a", Address: loopback(0)}, {Name: "b", Address: loopback(1)}, {Name: "c", Address: loopback(2)}, {Name: "d", Address: loopback(3)}}
			f := &fakeFarm{status: Status{Node: "a", Nodes: nodes}}
			s := NewServer(f, NewLog(0), nil)
			s.peers = newPeers("a", nil, 1)
			for i, way := range []http.RoundTripper{mute{}, mute{}, done{}} {
				s.peers.known[peer{nodes[i+1].Name, nodes[i+1].Address}] = &http.Client{Transport: way}
			}
			time.AfterFunc(time.Second, func() {
				now := slices.Clone(nodes)
				now[2].State = Unreachable
				f.setNodes(now)
			})
			w := httptest.NewRecorder()
			begun := time.Now()
			err := s.changeAll(w, httptest.NewRequest("POST", "/v1/farm/"+action, nil), append(slices.Clone(nodes[1:]), nodes[0]), Change{Action: action})
			var out Outcomes
			if jsonErr := json.Unmarshal(w.Body.Bytes(), &out); err != nil || jsonErr != nil || len(out.Nodes) != 4 || time.Since(begun) != patience {
				t.Fatalf("%s: %v, %v, after %v: %s", action, err, jsonErr, time.Since(begun), w.Body)
			}
			hung, left := out.Nodes[0].Error, out.Nodes[1].Error
			if hung == nil || hung.Code != CodeUnreachable || !strings.Contains(hung.Message, "b at 127.0.0.2:1 did not answer in time") || hung.Cure == "" {
				t.Errorf("%s: of the node that hangs is said: %v", action, hung)
			}
			if action == actionRestart {
				return // the first that fails ends it
			}
			if left == nil || left.Code != CodeUnreachable || out.Nodes[2].Error != nil || out.Nodes[3].Error != nil || out.Failed() != 2 {
				t.Errorf("%s: %s", action, w.Body)
			}
		})
	}
}

// uneventful is a daemon of which no event is ever heard.
type uneventful struct{}

func (uneventful) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("[]")), Request: r}, nil
}

// TestRestartIsAwaitedForSoLong: who waits for a restart is told when it does not come,
// and where to look.
func TestRestartIsAwaitedForSoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{http: &http.Client{Transport: uneventful{}}, api: DefaultAPI, scheme: "http", host: "x"}
		begun := time.Now()
		_, err := c.Restart(t.Context())
		if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "it has not come within 1m0s") || took != restartPatience {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
