package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
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

// TestStoppedNodesAreNotWaitedFor: a node that was stopped in the middle holds up a
// trial, and its end, for so long and no longer.
func TestStoppedNodesAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, other := Node{Name: "a", Address: loopback(0)}, Node{Name: "b", Address: loopback(1)}
		f := &fakeFarm{status: Status{Node: "a", Nodes: []Node{own, other}}, trial: Trial{ID: "x", State: TrialRunning}}
		s := NewServer(f, NewLog(0), nil)
		s.peers = newPeers("a", nil, 1)
		s.peers.known[peer{other.Name, other.Address}] = &http.Client{Transport: stopped{}}
		plans := []configPlan{{node: other}, {node: own}}

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
	})
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
