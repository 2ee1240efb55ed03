package confirmation

import (
	"testing"
	"time"

	"thresher/cluster/confirm"
)

func TestAcquaintances(t *testing.T) {
	a, b := confirm.PeerViews{Name: "a"}, confirm.PeerViews{Name: "b"}
	other := confirm.PeerViews{Name: "a", Stated: 7}
	met := make(acquaintances)
	steps := []struct {
		at           time.Duration
		said         []confirm.PeerViews
		news         bool
		freshA, both bool
	}{
		{0, []confirm.PeerViews{a}, true, true, false},
		{100 * time.Millisecond, []confirm.PeerViews{a}, false, true, false},
		{200 * time.Millisecond, []confirm.PeerViews{a, b}, true, true, true},
		{301 * time.Millisecond, []confirm.PeerViews{a, b}, true, false, true},
		{400 * time.Millisecond, []confirm.PeerViews{a, b}, false, false, true},
		{500 * time.Millisecond, []confirm.PeerViews{b}, false, false, false},
		{600 * time.Millisecond, []confirm.PeerViews{a, b}, true, true, true},
		{900 * time.Millisecond, []confirm.PeerViews{a, b}, false, true, true},
		{901 * time.Millisecond, []confirm.PeerViews{a, b}, true, false, true},
		{950 * time.Millisecond, []confirm.PeerViews{other, b}, true, true, true}, // it states another view
		{1250 * time.Millisecond, []confirm.PeerViews{other, b}, false, true, true},
		{1251 * time.Millisecond, []confirm.PeerViews{other, b}, true, false, true},
	}
	start := confirm.Time(time.Hour)
	for _, s := range steps {
		if news := met.update(start.Add(s.at), s.said); news != s.news {
			t.Errorf("after %v: news %t", s.at, news)
		}
		if met["a"].fresh != s.freshA || (len(met) == 2) != s.both {
			t.Errorf("after %v: %+v", s.at, met)
		}
	}
}
