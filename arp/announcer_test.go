package arp

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// announced is one call of send: which address, how long after the start.
type announced struct {
	Last byte
	At   time.Duration
}

// recorder runs an announcer inside a synctest bubble.
type recorder struct {
	*announcer
	start time.Time

	mu  sync.Mutex
	got []announced
	err error
}

func runAnnouncer(t *testing.T) *recorder {
	r := &recorder{start: time.Now()}
	r.announcer = newAnnouncer(func(b Binding) error {
		a4 := b.Address.As4()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, announced{a4[3], time.Since(r.start)})
		return r.err
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// after lets fake time go by and returns what was announced in it.
func (r *recorder) after(d time.Duration) []announced {
	time.Sleep(d)
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// fail makes every announcement from now on end with err.
func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func check(t *testing.T, what string, got, want []announced) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAnnouncerFollowsTheScheduleOfEachBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runAnnouncer(t)
		check(t, "without bindings", r.after(time.Second), nil)
		one, two := Binding{Address: vip, MAC: vmac}, Binding{Address: otherVIP, MAC: vmac}
		r.Set([]Binding{one})
		check(t, "a new binding", r.after(ms(1500)), []announced{{100, ms(1000)}, {100, ms(2100)}})
		r.Set([]Binding{one, two})
		check(t, "a second one", r.after(ms(1000)), []announced{{101, ms(2500)}, {100, ms(3200)}})
		r.Set([]Binding{two})
		check(t, "the first taken away", r.after(ms(4000)),
			[]announced{{101, ms(3600)}, {101, ms(4700)}, {101, ms(5800)}, {101, ms(6900)}})
		check(t, "refresh", r.after(time.Minute), []announced{{101, ms(62500)}})
		r.Set(nil)
		check(t, "none left", r.after(time.Hour), nil)
	})
}

func TestAnnouncerBeginsAnewWhenTheAddressMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runAnnouncer(t)
		r.Set([]Binding{{Address: vip, MAC: vmac}})
		r.after(10 * time.Second)
		r.Set([]Binding{{Address: vip, MAC: foreignMAC}})
		check(t, "another address for it", r.after(ms(500)), []announced{{100, ms(10000)}})
		r.after(10 * time.Second)
		r.Restart()
		check(t, "restart", r.after(ms(1200)), []announced{{100, ms(20500)}, {100, ms(21600)}})
	})
}

func TestAnnouncerTriesAgainAndThenSendsAWholeBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runAnnouncer(t)
		r.fail(errors.New("link down"))
		r.Set([]Binding{{Address: vip, MAC: vmac}})
		if got := r.after(11 * time.Second); len(got) != 11 {
			t.Errorf("%d tries in 11 s, want one every 1.1 s: %v", len(got), got)
		}
		r.fail(nil)
		check(t, "link back", r.after(10*time.Second),
			[]announced{{100, ms(12100)}, {100, ms(13200)}, {100, ms(14300)}, {100, ms(15400)}})
	})
}
