package console

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fill adds events until the newest has number last.
func fill(l *Log, last int) {
	for seq := len(l.Since(0)) + 1; seq <= last; seq++ {
		l.Add(Event{Kind: "k" + strconv.Itoa(seq)})
	}
}

// seqs returns the events' numbers, and checks that each has its own content.
func seqs(t *testing.T, events []Event) []uint64 {
	t.Helper()
	var all []uint64
	for _, e := range events {
		all = append(all, e.Seq)
		if want := "k" + strconv.FormatUint(e.Seq, 10); e.Kind != KindEventsLost && e.Kind != want {
			t.Errorf("event %d is %s", e.Seq, e.Kind)
		}
	}
	return all
}

func TestLogSince(t *testing.T) {
	for _, tt := range []struct {
		name  string
		added int
		since uint64
		want  []uint64
	}{
		{"empty", 0, 0, nil},
		{"empty, number of an earlier run", 0, 9, nil},
		{"all", 3, 0, []uint64{1, 2, 3}},
		{"some", 3, 1, []uint64{2, 3}},
		{"none new", 3, 3, nil},
		{"number of an earlier run", 3, 4, []uint64{1, 2, 3}},
		{"just full", 4, 0, []uint64{1, 2, 3, 4}},
		{"oldest overwritten", 4 + 2, 0, []uint64{3, 4, 5, 6}},
		{"asks for what is overwritten", 4 + 3, 1, []uint64{4, 5, 6, 7}},
		{"several times round", 4*3 + 1, 11, []uint64{12, 13}},
		{"highest number", 3, 1<<64 - 1, []uint64{1, 2, 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLog(4)
			for i := range tt.added {
				l.Add(Event{Kind: "k" + strconv.Itoa(i+1)})
			}
			if diff := cmp.Diff(tt.want, seqs(t, l.Since(tt.since))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogAdd(t *testing.T) {
	l := NewLog(0)
	if len(l.ring) != DefaultLogSize {
		t.Errorf("NewLog(0) holds %d, want %d", len(l.ring), DefaultLogSize)
	}
	fields := map[string]string{"node": "web1"}
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first := l.Add(Event{Time: when, Seq: 99, Kind: "a", Fields: fields})
	second := l.Add(Event{Kind: "b"})
	fields["node"] = "changed later"
	if first.Seq != 1 || second.Seq != 2 {
		t.Errorf("numbers %d and %d, want 1 and 2", first.Seq, second.Seq)
	}
	if second.Time.IsZero() {
		t.Error("an event without a time got none")
	}
	got := l.Since(0)[0]
	if !got.Time.Equal(when) || got.Fields["node"] != "web1" {
		t.Errorf("held as %+v, want its own time and fields", got)
	}
}

func TestFollowerTakesWhatIsThere(t *testing.T) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	l := NewLog(4)
	fill(l, 3)
	for _, tt := range []struct {
		since uint64
		want  []uint64
	}{{0, []uint64{1, 2, 3}}, {2, []uint64{3}}, {77, []uint64{1, 2, 3}}} {
		f := l.Follow(tt.since)
		events, err := f.Next(done)
		if diff := cmp.Diff(tt.want, seqs(t, events)); diff != "" || err != nil {
			t.Errorf("since %d: %v (-want +got):\n%s", tt.since, err, diff)
		}
		if _, err := f.Next(done); !errors.Is(err, context.Canceled) {
			t.Errorf("since %d: nothing left, and the error is %v", tt.since, err)
		}
	}
}

func TestSlowFollowerIsToldWhatItLost(t *testing.T) {
	l := NewLog(4)
	f := l.Follow(0)
	for i := range 10 {
		l.Add(Event{Kind: "k" + strconv.Itoa(i+1)})
	}
	events, err := f.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{6, 7, 8, 9, 10}, seqs(t, events)); diff != "" {
		t.Fatalf("numbers (-want +got):\n%s", diff)
	}
	lost := events[0]
	if lost.Kind != KindEventsLost || lost.Level != LevelWarn || lost.Fields["lost"] != "6" {
		t.Errorf("told %+v, want 6 lost", lost)
	}
}

func TestFollowerFromTheStartHasLostNothing(t *testing.T) {
	l := NewLog(4)
	for i := range 10 {
		l.Add(Event{Kind: "k" + strconv.Itoa(i+1)})
	}
	events, err := l.Follow(0).Next(context.Background())
	if diff := cmp.Diff([]uint64{7, 8, 9, 10}, seqs(t, events)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	events, err = l.Follow(2).Next(context.Background())
	if err != nil || events[0].Fields["lost"] != "4" {
		t.Errorf("after 2 of 10, with 4 held: %+v, %v; want 4 lost", events[0], err)
	}
}

func TestFollowerTakesBatches(t *testing.T) {
	l := NewLog(0)
	fill(l, followBatch+1)
	f := l.Follow(0)
	for _, want := range []int{followBatch, 1} {
		events, err := f.Next(context.Background())
		if len(events) != want || err != nil {
			t.Errorf("%d events, %v; want %d", len(events), err, want)
		}
	}
}

func TestFollowersWaitForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(4)
		got := make(chan uint64, 3)
		for range 3 {
			go func() {
				events, err := l.Follow(0).Next(t.Context())
				if err != nil || len(events) != 1 {
					t.Errorf("%v, %v", events, err)
					return
				}
				got <- events[0].Seq
			}()
		}
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("a follower did not wait")
		}
		l.Add(Event{Kind: "k1"})
		synctest.Wait()
		if len(got) != 3 {
			t.Errorf("%d of 3 followers woke", len(got))
		}
	})
}

func TestFollowerWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := NewLog(4).Follow(0).Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// Whatever the interleaving, a follower accounts for every event, in order: it got
// it or was told that it lost it. The race detector looks on.
func TestManyAddersManyFollowers(t *testing.T) {
	const adders, each, followers = 4, 500, 4
	l := NewLog(16)
	var wg sync.WaitGroup
	for range followers {
		f := l.Follow(0)
		wg.Go(func() { followTo(t, f, adders*each) })
	}
	for range adders {
		wg.Go(func() {
			for range each {
				l.Add(Event{Kind: "busy"})
			}
		})
	}
	wg.Wait()
}

// followTo follows up to number last.
func followTo(t *testing.T, f *Follower, last uint64) {
	next := uint64(1)
	for next <= last {
		events, err := f.Next(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		for _, e := range events {
			lost, _ := strconv.ParseUint(e.Fields["lost"], 10, 64)
			first := e.Seq
			if e.Kind == KindEventsLost {
				first = e.Seq - lost + 1
			}
			if first != next {
				t.Errorf("after %d came %d", next-1, first)
			}
			next = e.Seq + 1
		}
	}
}
