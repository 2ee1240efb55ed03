package traffic

import (
	"testing"
	"time"

	"thresher/config"
)

// lineOf makes a timeline with a SYN every 10 ms: each letter is the node that
// answered it, a dot is no answer.
func lineOf(picture string) Timeline {
	start := time.Unix(1_000_000, 0)
	var t Timeline
	for i, c := range picture {
		try := Tried{Sent: start.Add(time.Duration(i) * 10 * time.Millisecond)}
		if c != '.' {
			try.Answered, try.By, try.After = true, config.MAC{5: byte(c)}, time.Duration(i)
		}
		t = append(t, try)
	}
	return t
}

func TestTimeline(t *testing.T) {
	a := config.MAC{5: 'a'}
	tests := []struct {
		picture  string
		gaps     string
		lost     int
		takeover time.Duration // after the second SYN, from a
		taken    bool
	}{
		{"", "", 0, 0, false},
		{"aaaa", "", 0, 0, false},
		{"aa...bb", "30ms without answer, 3 SYNs; ", 3, 40 * time.Millisecond, true},
		{"aa.a..bb", "10ms without answer, 1 SYNs; 20ms without answer, 2 SYNs; ", 3, 50 * time.Millisecond, true},
		{"baaa", "", 0, 0, false},
		{"ab..", "no answer to the end, 2 SYNs; ", 2, 0, true},
		{"....", "no answer to the end, 4 SYNs; ", 4, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.picture, func(t *testing.T) {
			line := lineOf(tt.picture)
			gaps := ""
			for _, g := range line.Gaps() {
				gaps += g.String() + "; "
			}
			if gaps != tt.gaps || line.Lost() != tt.lost {
				t.Errorf("gaps %q, %d lost, want %q, %d", gaps, line.Lost(), tt.gaps, tt.lost)
			}
			at := time.Unix(1_000_000, 0).Add(10 * time.Millisecond)
			if d, ok := line.Takeover(at, a); d != tt.takeover || ok != tt.taken {
				t.Errorf("takeover after %v, %t, want %v, %t", d, ok, tt.takeover, tt.taken)
			}
		})
	}
	line := lineOf("ab.a")
	line[3].Sent = line[3].Sent.Add(time.Second)
	if line.Slowest() != 3 || line.Blind() != time.Second+10*time.Millisecond {
		t.Errorf("slowest %v, blind for %v", line.Slowest(), line.Blind())
	}
}
