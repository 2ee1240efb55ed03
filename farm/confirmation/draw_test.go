package confirmation

import (
	"fmt"
	"testing"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
)

// However many nodes have come and gone, the next one's draws are asked for, once.
func TestDrawsOfManyNodes(t *testing.T) {
	c := &Confirmation{draws: make(chan string, 2), drawn: make(map[string]confirm.Time), onWire: make(map[string]confirm.Time)}
	for i := range 100 {
		now := confirm.Time(time.Duration(i) * (cluster.ForgetAfter / 2))
		name := fmt.Sprintf("web%d", i)
		c.draw(now, name)
		c.onWire[name] = now
		c.draw(now, name)
		if got := <-c.draws; got != name || len(c.draws) != 0 {
			t.Fatalf("the draws of %s are asked for, not once those of %s", got, name)
		}
	}
	if len(c.drawn) > 3 || len(c.onWire) > 3 {
		t.Errorf("%d and %d names are kept", len(c.drawn), len(c.onWire))
	}
	for _, name := range []string{"a", "b", "c"} {
		c.draw(1<<60, name)
	}
	<-c.draws
	c.draw(1<<60, "c") // there was no room for it
	if first, second := <-c.draws, <-c.draws; first != "b" || second != "c" {
		t.Errorf("asked for %s and %s", first, second)
	}
}
