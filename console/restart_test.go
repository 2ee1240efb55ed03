package console

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRestartEndsWithItsEvent(t *testing.T) {
	log := NewLog(0)
	log.Add(Event{Kind: KindRestarted, Message: "an earlier one"})
	f := &fakeFarm{}
	f.act = func(context.Context) error {
		time.AfterFunc(10*time.Millisecond, func() { log.Add(Event{Kind: KindRestarted, Message: "silent for 1ms"}) })
		return nil
	}
	c, _ := startServer(t, f, log)
	e, err := c.Restart(t.Context())
	if err != nil || e.Message != "silent for 1ms" {
		t.Errorf("%+v, %v", e, err)
	}
	if resp, body := request(t, c, "POST", "/v1/node/restart", ""); resp.StatusCode != 202 || body != "" {
		t.Errorf("answered %d %q", resp.StatusCode, body)
	}
}

func TestRestartThatFails(t *testing.T) {
	log := NewLog(0)
	f := &fakeFarm{err: &Error{Code: CodeConflict, Message: "not restarted: bad configuration"}}
	c, _ := startServer(t, f, log)
	var refused *Error
	if _, err := c.Restart(t.Context()); !errors.As(err, &refused) || refused.Code != CodeConflict {
		t.Errorf("refused before it began: %v", err)
	}
	f.err = nil
	f.act = func(context.Context) error {
		log.Add(Event{Kind: KindRestartFailed, Message: "no such program"})
		return errors.New("no such program")
	}
	if _, err := c.Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "no such program") {
		t.Errorf("failed afterwards: %v", err)
	}
}

func TestLogGoesOnAfterARestart(t *testing.T) {
	before := NewLog(4)
	for range 6 {
		before.Add(Event{Kind: "x"})
	}
	after := NewLog(4)
	after.Resume(before.Since(0))
	if got := after.Since(5); len(got) != 1 || got[0].Seq != 6 {
		t.Errorf("since 5: %v", got)
	}
	if e := after.Add(Event{Kind: "y"}); e.Seq != 7 {
		t.Errorf("the next is %d", e.Seq)
	}
	if got := after.Since(0); len(got) != 4 || got[0].Seq != 4 {
		t.Errorf("all: %v", got)
	}
	shorter := NewLog(8)
	shorter.Resume(before.Since(0)) // events 1 and 2 are not there
	if e := shorter.Add(Event{}); e.Seq != 1 {
		t.Errorf("a log with holes: the next is %d", e.Seq)
	}
}
