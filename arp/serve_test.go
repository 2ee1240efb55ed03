package arp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// serving runs a Responder on a script, inside a synctest bubble.
type serving struct {
	*Responder
	wire *fakeConn
	done chan error
	stop context.CancelFunc
}

func serve(t *testing.T) *serving {
	s := &serving{wire: newFakeConn(), done: make(chan error, 1)}
	s.Responder = responderOn(t, s.wire, Options{})
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() { s.done <- s.Serve(ctx) }()
	t.Cleanup(stop)
	return s
}

// over fails the test unless Serve has returned; it gives what it returned.
func (s *serving) over(t *testing.T) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-s.done:
		return err
	default:
		t.Fatal("Serve goes on")
		return nil
	}
}

func TestServeEndsCleanly(t *testing.T) {
	for name, end := range map[string]func(*serving){
		"context": func(s *serving) { s.stop() },
		"close":   func(s *serving) { _ = s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t)
				time.Sleep(12 * time.Second) // over two looks around
				synctest.Wait()
				end(s)
				if err := s.over(t); err != nil {
					t.Errorf("Serve = %v, want nil", err)
				}
			})
		})
	}
}

func TestServeSurvivesWhatTheSegmentSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		bind(t, s.Responder)
		good := arpFrame(request(clientMAC, clientIP, vip))
		for _, b := range [][]byte{{}, good[:13], good[:20], good[:41], append(good[:18:18], 6, 0)} {
			s.wire.receive(b)
		}
		s.wire.receive(good)
		synctest.Wait()
		c := s.Counters()
		if c.Frames[Malformed] != 5 || c.Frames[Answered] != 1 || c.ReadErrors != 0 {
			t.Errorf("counters = %+v", c)
		}
		if _, ok := c.Frames[RateLimited]; !ok || len(c.Frames) != int(numReasons) {
			t.Errorf("%d counters, want one for each of %d reasons", len(c.Frames), numReasons)
		}
	})
}

func TestServeWaitsForTheLinkAndDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		bind(t, s.Responder)
		time.Sleep(30 * time.Second) // the burst is over
		before := s.Counters().Announcements
		start := time.Now()
		for range 10 {
			s.wire.fail(unix.ENETDOWN)
		}
		s.wire.receive(arpFrame(request(clientMAC, clientIP, vip)))
		for s.Counters().Frames[Answered] == 0 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		// 10, 20, … 640 ms, and three times 1 s.
		if took := time.Since(start); took < 4270*time.Millisecond || took > 4400*time.Millisecond {
			t.Errorf("ten errors took %v, want the waits to add up to 4.27 s", took)
		}
		c := s.Counters()
		if c.ReadErrors != 10 || c.Announcements == before {
			t.Errorf("read errors = %d, announcements %d before and %d after", c.ReadErrors, before, c.Announcements)
		}
	})
}

func TestServeEndsOnWhatDoesNotPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		s.wire.fail(unix.EBADF)
		if err := s.over(t); !errors.Is(err, unix.EBADF) {
			t.Errorf("Serve = %v, want EBADF in it", err)
		}
	})
}

func TestServeNoticesADeletedInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := newFakeConn()
		r := responderOn(t, wire, Options{})
		r.gone = func() bool { return true }
		start := time.Now()
		if err := r.Serve(t.Context()); !errors.Is(err, ErrGone) || time.Since(start) > lookAround {
			t.Errorf("Serve = %v after %v, want ErrGone within %v", err, time.Since(start), lookAround)
		}
	})
}
