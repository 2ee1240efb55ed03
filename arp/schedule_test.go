package arp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSchedule(t *testing.T) {
	var got []time.Duration
	for at := nextAnnouncement(-1); at < 3*time.Minute; at = nextAnnouncement(at) {
		got = append(got, at)
	}
	want := []time.Duration{0, 1100 * time.Millisecond, 2200 * time.Millisecond,
		3300 * time.Millisecond, 4400 * time.Millisecond, time.Minute, 2 * time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("announcements (-want +got):\n%s", diff)
	}
}

func TestScheduleNeverStandsStill(t *testing.T) {
	for since := time.Duration(0); since < 3*time.Minute; since += 13 * time.Millisecond {
		if next := nextAnnouncement(since); next <= since || next > since+refreshInterval {
			t.Fatalf("after %v comes %v", since, next)
		}
	}
}
