package findings

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
)

func TestChecks(t *testing.T) {
	one := func(name string, kind config.CheckType, interval, timeout time.Duration, fall int) config.Check {
		return config.Check{Name: name, Type: kind, Interval: interval, Timeout: timeout, Fall: fall}
	}
	cfg := &config.Config{Checks: []config.Check{
		one("usual", config.CheckHTTP, 10*time.Second, 5*time.Second, 2),
		one("long", config.CheckHTTP, time.Second, 2*time.Second, 2),
		one("three", config.CheckTCP, time.Second, time.Second, 3),
		one("once", config.CheckDNS, 2*time.Second, time.Second, 1),
		one("link", config.CheckInterface, time.Second, time.Second, 1),
	}}
	want := []string{
		"warn: check long: with a timeout of 2s, what does not answer is noticed after up to 5s, and not within interval × fall, 2s; " +
			"use a timeout of at most 500ms, or put up with it",
		"warn: check three: with a timeout of 1s, what does not answer is noticed after up to 4s, and not within interval × fall, 3s; " +
			"use a timeout of at most 666ms, or put up with it",
		"warn: check once: with a timeout of 1s, what does not answer is noticed after up to 3s, and not within interval × fall, 2s; " +
			"use fall: 2 with interval: 1s and timeout: 500ms, or put up with it",
	}
	var got []string
	for _, f := range checks(cfg) {
		got = append(got, f.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
