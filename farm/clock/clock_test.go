package clock

import "testing"

func TestUnshifted(t *testing.T) {
	tests := []struct {
		name, offsets string
		ok            bool
	}{
		{"the machine's own", "monotonic           0         0\nboottime            0         0\n", true},
		{"only monotonic", "monotonic        1000         0\nboottime            0         0\n", true},
		{"seconds", "monotonic           0         0\nboottime         1000         0\n", false},
		{"back", "boottime        -3 0\n", false},
		{"nanoseconds", "boottime            0         1\n", false},
		{"nothing", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := unshifted(tt.offsets); (err == nil) != tt.ok {
				t.Errorf("unshifted says %v", err)
			}
		})
	}
	if err := SameAsKernel(); err != nil {
		t.Errorf("of this process: %v", err)
	}
}

// The packet path asks for the time too.
func TestClockAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Nanoseconds() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNowGoesOn(t *testing.T) {
	first := Now()
	if second := Now(); first <= 0 || second < first || second-first > 1e9 {
		t.Errorf("from %d to %d", first, second)
	}
	if n := testing.AllocsPerRun(100, func() { Now() }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
