package farm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"thresher/config"
	"thresher/farm/clock"
	"thresher/pipeline"
	"thresher/xsk"
)

// clientFacts is what the program is told of a client.
type clientFacts struct{ remembered, mine, elsewhere bool }

// grant lets the program keep clients for an hour, or not at all.
func (k *kernel) grant(good bool) {
	k.t.Helper()
	until := clock.Nanoseconds() - 1
	if good {
		until = clock.Nanoseconds() + int64(time.Hour)
	}
	if err := k.program.SetGrant(until, false); err != nil {
		k.t.Fatal(err)
	}
	k.granted = good
}

// client makes up what is known of a frame's client, tells the program, and adds it
// to the facts.
func (k *kernel) client(frame []byte, facts *pipeline.Facts) error {
	flow, protocol, ok := flowOf(frame)
	if !ok || protocol != config.TCP {
		return nil
	}
	rule, ok := k.table.Find(config.TCP, flow.VIP.Addr(), flow.VIP.Port())
	if !ok || !k.table.Sticky[rule] {
		return nil
	}
	c := xsk.Client{Addr: k.table.Client(flow.Client.Addr(), rule), Rule: uint32(rule)}
	if _, known := k.clients[c]; !known {
		made := clientFacts{remembered: k.random.IntN(2) == 0}
		made.mine = k.random.IntN(3) == 0
		made.elsewhere = !made.mine && k.random.IntN(2) == 0
		k.clients[c] = made
		if err := k.introduce(c, made); err != nil {
			return err
		}
	} else if remembers, err := k.program.Remembers(c); err != nil {
		return err
	} else if remembers {
		// The program remembers whom it let in.
		made := k.clients[c]
		made.remembered = true
		k.clients[c] = made
	}
	made := k.clients[c]
	facts.Remembered, facts.Mine, facts.Elsewhere = made.remembered, made.mine, made.elsewhere
	return nil
}

func (k *kernel) introduce(c xsk.Client, made clientFacts) error {
	if k.unheard {
		return nil
	}
	if made.remembered {
		if err := k.program.Remember(c, 1); err != nil {
			return err
		}
	}
	switch {
	case made.mine:
		return k.program.Learn(c, xsk.ClientMine)
	case made.elsewhere:
		return k.program.Learn(c, xsk.ClientElsewhere)
	}
	return nil
}

// TestProgramRemembersWhomItLetsIn: the client of every SYN that goes to the stack
// from the program, and of no other packet; in hand-over at every offload level.
func TestProgramRemembersWhomItLetsIn(t *testing.T) {
	t.Parallel()
	t.Run("full", func(t *testing.T) { remembersWhomItLetsIn(t, config.OffloadFull, false) })
	t.Run("none, in hand-over", func(t *testing.T) { remembersWhomItLetsIn(t, config.OffloadNone, true) })
}

func remembersWhomItLetsIn(t *testing.T, offload config.Offload, alone bool) {
	random := rand.New(rand.NewPCG(1, 2))
	vips, rules := randomFarm(random, 2, 8)
	for i := range rules {
		rules[i].Protocol, rules[i].Affinity, rules[i].Sticky = config.TCP, config.Client, time.Minute
	}
	k := newKernel(t, offload, vips, rules, randomShare(random, len(rules)), unchanged)
	if err := k.program.SetHandOver(alone); err != nil {
		t.Fatal(err)
	}
	source := newFrameSource(t, 3, vips, rules, kernelNIC)
	accepted := 0
	for range 2000 {
		frame := source.ruled()
		flow, _, _ := flowOf(frame)
		rule, _ := k.table.Find(config.TCP, flow.VIP.Addr(), flow.VIP.Port())
		c := xsk.Client{Addr: k.table.Client(flow.Client.Addr(), rule), Rule: uint32(rule)}
		if was, err := k.program.Remembers(c); err != nil || was {
			continue
		}
		facts, err := k.facts(frame)
		if err != nil {
			t.Fatal(err)
		}
		want := k.table.Judge(frame, facts, k.now()) == pipeline.Accepted
		if _, err := k.program.Run(&ebpf.RunOptions{Data: frame, DataOut: k.out}); err != nil {
			t.Fatal(err)
		}
		if got, err := k.program.Remembers(c); err != nil || got != want {
			t.Fatalf("client %v is remembered: %v, %v; want %v", c, got, err, want)
		}
		if want {
			accepted++
		}
	}
	if accepted < 100 {
		t.Errorf("%d SYNs let in: the test tests little", accepted)
	}
	all, err := k.program.Remembered()
	if err != nil || len(all) == 0 {
		t.Fatalf("%d clients remembered, %v", len(all), err)
	}
	for c, seen := range all {
		if now := clock.Nanoseconds(); seen > now || seen < now-int64(time.Minute) {
			t.Fatalf("%v was seen at %d, now is %d", c, seen, now)
		}
		if err := k.program.Forget([]xsk.Client{c}); err != nil {
			t.Fatal(err)
		}
		break
	}
	if left, err := k.program.Remembered(); err != nil || len(left) != len(all)-1 {
		t.Errorf("%d clients left of %d, %v", len(left), len(all), err)
	}
}
