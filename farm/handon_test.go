package farm

import "testing"

func TestHandOnFails(t *testing.T) {
	var before transmitted
	for i, step := range []struct {
		now  transmitted
		want bool
		why  string
	}{
		{transmitted{1000, 3}, false, "a few frames are always dropped"},
		{transmitted{2000, 103}, false, "most gets out"},
		{transmitted{2000, 106}, false, "too few to say"},
		{transmitted{2000, 110}, false, "nothing was handed on: something else was dropped"},
		{transmitted{2008, 114}, true, "half of it is dropped"},
		{transmitted{2016, 122}, true, "all of it is dropped"},
	} {
		if got := step.now.mostLostSince(before); got != step.want {
			t.Errorf("step %d: %v, want %v: %s", i, got, step.want, step.why)
		}
		before = step.now
	}
}

func TestHandOnNote(t *testing.T) {
	for _, c := range []struct {
		byQueue     bool
		other, want string
	}{
		{false, "", ""}, {false, "generic", "generic"}, {true, "", handOnNote}, {true, "generic", "generic; " + handOnNote},
	} {
		if got := withHandOn(c.other, c.byQueue); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
