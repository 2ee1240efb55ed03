package rotation

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"thresher/config"
)

// world is a small farm, whose nodes have real keys. It is a value: the search goes
// on from each world in every way.
type world struct {
	keys [3]config.Keys
	down [3]bool
	work work
}

// work is what somebody who changes the key is about: steps that it has planned when
// it had looked at every node, of which all turns were its own.
type work struct {
	do   config.KeyStep
	left [3]bool
	any  bool
}

var (
	oldKey, newKey = [32]byte{1}, [32]byte{2}
	newID          = config.KeyID(newKey)
)

func (w world) nodes() []Node {
	var list []Node
	for i, k := range w.keys {
		list = append(list, Node{fmt.Sprint(i), config.KeyID(k.Gossip), config.KeyID(k.Next), config.KeyID(k.Before)})
	}
	return list
}

// next are all worlds that can come of one: somebody looks and plans, to and fro; does
// one planned step, in any order; gives up; a node goes, and comes back with its file.
func (w world) next(t *testing.T) (all []world) {
	for i := range w.down {
		one := w
		one.down[i] = !one.down[i]
		all = append(all, one)
	}
	if w.work.any {
		given := w
		given.work = work{}
		all = append(all, given)
		for i, left := range w.work.left {
			if !left || w.down[i] {
				continue
			}
			one := w
			var err error
			if one.keys[i], err = w.keys[i].Step(w.work.do, newID, newKey); err != nil {
				t.Fatalf("%s on node %d of %v: %v", w.work.do, i, w.nodes(), err)
			}
			one.work.left[i] = false
			all = append(all, one)
		}
		return all
	}
	if slices.Contains(w.down[:], true) {
		return all // nothing is planned without all nodes
	}
	plans := []Step{Forward(w.nodes(), newID)}
	if back, err := Backward(w.nodes(), newID); err == nil {
		plans = append(plans, back)
	}
	for _, s := range plans {
		one := w
		one.work = work{do: s.Do, any: len(s.Nodes) > 0}
		for i := range w.keys {
			one.work.left[i] = slices.Contains(s.Nodes, fmt.Sprint(i))
		}
		if one.work.any {
			all = append(all, one)
		}
	}
	return all
}

// understood says who of the world does not believe whom.
func (w world) understood() error {
	for i, from := range w.keys {
		for j, to := range w.keys {
			if !slices.Contains(to.Accepted(), from.Gossip) {
				return fmt.Errorf("node %d does not believe node %d: %v", j, i, w.nodes())
			}
		}
	}
	return nil
}

// TestNodesAlwaysUnderstandOneAnother looks at every world that three nodes can come
// to, whoever dies when and comes back, whoever gives up and wants back: in none does
// any node, be it down for the moment, not understand another.
func TestNodesAlwaysUnderstandOneAnother(t *testing.T) {
	start := world{}
	for i := range start.keys {
		start.keys[i] = config.Keys{Gossip: oldKey}
	}
	seen := map[world]bool{start: true}
	reached := 0
	for queue := []world{start}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		if err := w.understood(); err != nil {
			t.Fatal(err)
		}
		if err := Check(w.nodes(), newID); err != nil {
			t.Fatal(err, w.nodes())
		}
		if w.keys == [3]config.Keys{{Gossip: newKey}, {Gossip: newKey}, {Gossip: newKey}} {
			reached++
		}
		for _, n := range w.next(t) {
			if !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
	if len(seen) < 400 || reached == 0 {
		t.Errorf("only %d worlds, %d at the end", len(seen), reached)
	}
	t.Logf("%d worlds", len(seen))
}

// TestEveryStandingEnds: from any standing, whoever goes on comes to the new key in
// at most three steps, and who goes back to the old one in two.
func TestEveryStandingEnds(t *testing.T) {
	a, b := config.KeyID(oldKey), newID
	standings := map[string][]Node{
		"rest":  {{"1", a, "", ""}, {"2", a, "", ""}},
		"added": {{"1", a, b, ""}, {"2", a, "", ""}},
		"used":  {{"1", b, "", a}, {"2", a, b, ""}},
		"late":  {{"1", b, "", a}, {"2", b, "", ""}},
		"done":  {{"1", b, "", ""}, {"2", b, "", ""}},
	}
	for name, want := range map[string]struct {
		forward, back Step
		err           error
	}{
		"rest":  {forward: Step{config.KeyAdd, b, []string{"1", "2"}}},
		"added": {forward: Step{config.KeyAdd, b, []string{"2"}}, back: Step{config.KeyForget, b, []string{"1"}}},
		"used":  {forward: Step{config.KeyUse, b, []string{"2"}}, back: Step{config.KeyBack, b, []string{"1"}}},
		"late":  {forward: Step{config.KeyDrop, b, []string{"1"}}, err: ErrTooLate},
		"done":  {err: ErrTooLate},
	} {
		nodes := standings[name]
		if got := Forward(nodes, b); !same(got, want.forward) {
			t.Errorf("%s: forward %+v", name, got)
		}
		if got, err := Backward(nodes, b); !same(got, want.back) || !errors.Is(err, want.err) {
			t.Errorf("%s: back %+v, %v", name, got, err)
		}
		under := UnderWay(nodes)
		if rest := name == "rest" || name == "done"; rest != (len(under) == 0) || !rest && !slices.Equal(under, []string{b}) {
			t.Errorf("%s: under way %v", name, under)
		}
	}
	two := []Node{{"1", a, b, ""}, {"2", a, "c", ""}}
	if under := UnderWay(two); len(under) != 2 {
		t.Errorf("two rotations: %v", under)
	}
	if Check(two, b) == nil || Check([]Node{{"1", a, "", ""}, {"2", "c", "", ""}}, b) == nil {
		t.Error("a third key is not noticed")
	}
}

func TestStanding(t *testing.T) {
	for _, tt := range []struct {
		node     Node
		underWay []string
		want     Standing
	}{
		{Node{Using: "a"}, nil, Rest},
		{Node{Using: "a"}, []string{"b"}, Behind},
		{Node{Using: "a", Next: "b"}, []string{"b"}, Added},
		{Node{Using: "b", Before: "a"}, []string{"b"}, Used},
		{Node{Using: "b"}, []string{"b"}, Done},
		{Node{Using: "a", Next: "c"}, []string{"b", "c"}, Added},
	} {
		if got := tt.node.Standing(tt.underWay); got != tt.want {
			t.Errorf("%+v, on the way to %v: %s, want %s", tt.node, tt.underWay, got, tt.want)
		}
	}
}

func same(a, b Step) bool {
	return a.Do == b.Do && a.ID == b.ID && slices.Equal(a.Nodes, b.Nodes) || a.Nodes == nil && b.Nodes == nil
}

func TestTurn(t *testing.T) {
	var turn Turn
	now := time.Unix(1000, 0)
	want := func(err, is error) {
		t.Helper()
		if !errors.Is(err, is) {
			t.Errorf("%v, want %v", err, is)
		}
	}
	want(turn.Hold("", now), ErrNoTurn)
	want(turn.Take("a", now), nil)
	want(turn.Take("b", now), ErrTaken)
	want(turn.Hold("b", now), ErrNoTurn)
	want(turn.Hold("a", now.Add(TurnTime-1)), nil)
	want(turn.Take("b", now.Add(TurnTime)), ErrTaken)
	want(turn.Hold("a", now.Add(3*TurnTime)), ErrNoTurn)
	want(turn.Take("b", now.Add(3*TurnTime)), nil)
	want(turn.Hold("a", now.Add(3*TurnTime)), ErrNoTurn)
	turn.End("a")
	want(turn.Hold("b", now.Add(3*TurnTime)), nil)
	turn.End("b")
	want(turn.Take("a", now), nil)
}
