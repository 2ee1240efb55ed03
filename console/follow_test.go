package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errEnough = errors.New("enough")

func TestEvents(t *testing.T) {
	l := NewLog(4)
	fill(l, 3)
	c, _ := startServer(t, &fakeFarm{}, l)
	events, err := c.Events(t.Context(), 1)
	if diff := cmp.Diff([]uint64{2, 3}, seqs(t, events)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Only those of the kinds that are asked for come, also as they happen.
func TestEventsOfKinds(t *testing.T) {
	l := NewLog(0)
	for _, kind := range []string{"check_up", "view", "service_up", "checkpoint"} {
		l.Add(Event{Kind: kind})
	}
	c, _ := startServer(t, &fakeFarm{}, l)
	var events []Event
	must(t, c.ask(t.Context(), "/v1/events", map[string][]string{"kind": {"check_,service_"}}, &events))
	if len(events) != 2 || events[0].Seq != 1 || events[1].Seq != 3 {
		t.Errorf("%+v", events)
	}
	var got []uint64
	err := followed(t.Context(), c, "/v1/events", map[string][]string{"kind": {"view"}}, func(e Event) error {
		got = append(got, e.Seq)
		if len(got) == 2 {
			return errEnough
		}
		l.Add(Event{Kind: "check_down"})
		l.Add(Event{Kind: "view"})
		return nil
	})
	if !errors.Is(err, errEnough) || got[0] != 2 || got[1] != 6 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFollowGoesOn(t *testing.T) {
	l := NewLog(0)
	fill(l, 3)
	c, _ := startServer(t, &fakeFarm{}, l)
	var got []Event
	err := c.Follow(t.Context(), "", 1, func(e Event) error {
		got = append(got, e)
		if e.Seq == 5 {
			return errEnough
		}
		if e.Seq >= 3 {
			// Each further event is added only once the last has come through.
			l.Add(Event{Kind: "k" + strconv.FormatUint(e.Seq+1, 10)})
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("ended by %v", err)
	}
	if diff := cmp.Diff([]uint64{2, 3, 4, 5}, seqs(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFollowResumesWhereABrowserWasCutOff(t *testing.T) {
	l := NewLog(0)
	fill(l, 3)
	c, _ := startServer(t, &fakeFarm{}, l)
	conn := dialClient(t, c)
	fmt.Fprint(conn, "GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 2\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %s", got)
	}
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if line != "id: 3\n" || err != nil {
		t.Errorf("the stream begins with %q, %v", line, err)
	}
}

// A follower that does not read holds nobody up. It loses the oldest events and is
// told how many.
func TestSlowFollowerOverTheSocket(t *testing.T) {
	const total = 5000
	l := NewLog(8)
	c, _ := startServer(t, &fakeFarm{}, l)
	big := strings.Repeat("x", 1024)
	received, lost := uint64(0), uint64(0)
	l.Add(Event{})
	err := c.Follow(t.Context(), "", 0, func(e Event) error {
		if e.Seq == 1 {
			// Not reading: 5 MB are more than the socket and the buffers hold.
			for range total - 1 {
				l.Add(Event{Message: big})
			}
		}
		if e.Kind == KindEventsLost {
			n, err := strconv.ParseUint(e.Fields["lost"], 10, 64)
			lost += n
			if err != nil {
				return err
			}
		} else {
			received++
		}
		if received+lost != e.Seq {
			return fmt.Errorf("at event %d, %d received and %d lost", e.Seq, received, lost)
		}
		if e.Seq == total {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || lost == 0 {
		t.Errorf("received %d, lost %d, ended by %v", received, lost, err)
	}
}

func TestFollowerThatLeaves(t *testing.T) {
	l := NewLog(0)
	l.Add(Event{Kind: "k1"})
	c, s := startServer(t, &fakeFarm{}, l)
	ctx, leave := context.WithCancel(t.Context())
	err := c.Follow(ctx, "", 0, func(Event) error { leave(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
	// http.Server.Shutdown waits for requests but does not cancel them: that it
	// comes back says that the handler has noticed.
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if err := s.socket.Shutdown(ctx); err != nil {
		t.Errorf("the handler goes on without its client: %v", err)
	}
}

func TestShutdownSendsFollowersTheLastEvents(t *testing.T) {
	l := NewLog(0)
	l.Add(Event{Kind: "k1"})
	c, s := startServer(t, &fakeFarm{}, l)
	var got []Event
	down := make(chan error, 1)
	err := c.Follow(t.Context(), "", 0, func(e Event) error {
		got = append(got, e)
		if e.Seq == 1 {
			l.Add(Event{Kind: "k2"})
			go func() { down <- s.Shutdown(t.Context()) }()
		}
		return nil
	})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable {
		t.Errorf("ended by %v", err)
	}
	if diff := cmp.Diff([]uint64{1, 2}, seqs(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// A follower whose terminal is stopped must not keep the daemon from ending.
func TestShutdownDespiteAFollowerThatDoesNotRead(t *testing.T) {
	l := NewLog(0)
	for range 2000 {
		l.Add(Event{Message: strings.Repeat("x", 1024)})
	}
	c, s := startServer(t, &fakeFarm{}, l)
	conn := dialClient(t, c)
	fmt.Fprint(conn, "GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown after %v: %v", time.Since(begun), err)
	}
}

func TestShutdownCutsOffAfterItsContext(t *testing.T) {
	begun := make(chan struct{})
	f := &fakeFarm{act: func(ctx context.Context) error { close(begun); <-ctx.Done(); return ctx.Err() }}
	c, s := startServer(t, f, NewLog(0))
	left := make(chan error, 1)
	go func() { left <- c.Stop(context.Background(), false) }()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-left; err == nil {
		t.Error("the request was answered as done")
	}
}

// What the server does beside the requests may hang in the daemon: that is not to keep
// the daemon from ending, and nothing more is begun then.
func TestShutdownDespiteAWatchThatHangs(t *testing.T) {
	s := NewServer(&fakeFarm{}, NewLog(0), nil)
	begun, stuck := make(chan string, 2), make(chan struct{})
	hangs := func(name string) *watch {
		return newWatch(s, name, func(context.Context) (func() any, <-chan struct{}) {
			begun <- name
			<-stuck
			return func() any { return nil }, nil
		})
	}
	hangs("before").enter()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	hangs("after").enter()
	close(stuck)
	s.running.Wait()
	if len(begun) > 0 {
		t.Errorf("the watch %s was begun", <-begun)
	}
}
