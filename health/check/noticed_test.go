package check

import (
	"testing"
	"time"
)

// Whether these hold is TestHang's to show.
func TestNoticed(t *testing.T) {
	for _, tt := range []struct {
		interval, timeout time.Duration
		fall              int
		refusing, hanging time.Duration
		most              time.Duration
	}{
		{10 * time.Second, 5 * time.Second, 2, 20 * time.Second, 20 * time.Second, 5 * time.Second},
		{10 * time.Second, 5*time.Second + 1, 2, 20 * time.Second, 20*time.Second + 2, 5 * time.Second},
		{time.Second, 2 * time.Second, 3, 3 * time.Second, 7 * time.Second, 2 * time.Second / 3},
		{time.Second, 500 * time.Millisecond, 1, time.Second, 1500 * time.Millisecond, 0},
	} {
		p := Params{Interval: tt.interval, Timeout: tt.timeout, Fall: tt.fall}
		refusing, hanging := p.Noticed()
		if most := p.MostTimeout(); refusing != tt.refusing || hanging != tt.hanging || most != tt.most {
			t.Errorf("%v, timeout %v, fall %d: %v, %v, at most %v; want %v, %v, %v",
				tt.interval, tt.timeout, tt.fall, refusing, hanging, most, tt.refusing, tt.hanging, tt.most)
		}
	}
}
