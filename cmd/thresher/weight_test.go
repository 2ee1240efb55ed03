package main

import "testing"

func TestWeightOf(t *testing.T) {
	for _, tt := range []struct {
		args  []string
		reset bool
		want  int // -1: the configured one, -2: an error
	}{
		{[]string{"web", "0"}, false, 0},
		{[]string{"web", "100"}, false, 100},
		{[]string{"web"}, true, -1},
		{[]string{"web"}, false, -2},
		{[]string{"web", "5"}, true, -2},
		{[]string{"web", "101"}, false, -2},
		{[]string{"web", "-1"}, false, -2},
		{[]string{"web", "half"}, false, -2},
	} {
		weight, err := weightOf(tt.args, tt.reset)
		got := -1
		if weight != nil {
			got = int(*weight)
		}
		if err != nil {
			got = -2
		}
		if got != tt.want {
			t.Errorf("%v, reset %v: %d (%v), want %d", tt.args, tt.reset, got, err, tt.want)
		}
	}
}
