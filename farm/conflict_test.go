package farm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
	"thresher/console"
)

func TestConflictsAreShownForAWhile(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("2001:db8::100")
	first, second := config.MAC{2, 0, 0, 0, 0, 1}, config.MAC{2, 0, 0, 0, 0, 2}
	start := time.Unix(1000, 0)
	var c conflicts
	c.seen(four, first, start)
	c.seen(six, first, start.Add(time.Minute))
	c.seen(four, second, start.Add(10*time.Second))
	for after, want := range map[time.Duration][2]*console.Conflict{
		time.Minute:                     {{MAC: second.String(), Seen: start.Add(10 * time.Second)}, {MAC: first.String(), Seen: start.Add(time.Minute)}},
		conflictShown + 11*time.Second:  {nil, {MAC: first.String(), Seen: start.Add(time.Minute)}},
		conflictShown + 100*time.Second: {nil, nil},
	} {
		now := start.Add(after)
		if diff := cmp.Diff(want, [2]*console.Conflict{c.of(four, now), c.of(six, now)}); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", after, diff)
		}
	}
}
