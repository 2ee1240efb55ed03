package farm

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
)

// weighted are the rules web, dns and db of a node web1: shared, half, single.
func weighted() *weights {
	return newWeights("web1", []config.Rule{
		{Name: "web", Mode: config.ModeShared, Weight: 100},
		{Name: "dns", Mode: config.ModeShared, Weight: 50},
		{Name: "db", Mode: config.ModeSingle, Weight: 100, Priority: 10},
	})
}

func TestWeights(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*weights)
		want []uint8 // of the rules
	}{
		{"as in the file", func(*weights) {}, []uint8{100, 50, 100}},
		{"set", func(w *weights) { w.put("web", 30) }, []uint8{30, 50, 100}},
		{"set too high", func(w *weights) { w.put("web", 200) }, []uint8{100, 50, 100}},
		{"set back", func(w *weights) { w.put("web", 30); w.unset("web") }, []uint8{100, 50, 100}},
		{"set to nothing", func(w *weights) { w.put("dns", 0) }, []uint8{100, 0, 100}},
		{"withdrawn", func(w *weights) { w.scale("check http", "web", 0) }, []uint8{0, 50, 100}},
		{"all withdrawn", func(w *weights) { w.scale("service nginx", everyRule, 0) }, []uint8{0, 0, 0}},
		{"restored", func(w *weights) { w.scale("check http", "web", 0); w.scale("check http", "web", 100) }, []uint8{100, 50, 100}},
		{"withdrawn twice, restored once", func(w *weights) {
			w.scale("check http", "web", 0)
			w.scale("check tcp", "web", 0)
			w.scale("check http", "web", 100)
		}, []uint8{0, 50, 100}},
		{"all restored, one not", func(w *weights) {
			w.scale("check http", everyRule, 0)
			w.scale("check http", "dns", 0)
			w.scale("check http", everyRule, 100)
		}, []uint8{100, 0, 100}},
		{"restored for nothing", func(w *weights) { w.scale("check http", "web", 100) }, []uint8{100, 50, 100}},
		{"slow start", func(w *weights) { w.scale("slow start", everyRule, 10) }, []uint8{10, 5, 10}},
		{"never rounded to nothing", func(w *weights) { w.scale("slow start", everyRule, 1) }, []uint8{1, 1, 1}},
		{"agent and slow start", func(w *weights) {
			w.scale("slow start", everyRule, 50)
			w.scale("agent", "web", 75)
		}, []uint8{38, 25, 50}},
		{"agent and withdrawn", func(w *weights) { w.scale("agent", "web", 75); w.scale("check http", "web", 0) }, []uint8{0, 50, 100}},
		{"another node's", func(w *weights) {
			rules := slices.Clone(w.rules)
			rules[0].Nodes = []string{"web2", "web3"}
			w.configure(rules)
			w.put("web", 100)
		}, []uint8{0, 50, 100}},
		{"the file anew", func(w *weights) {
			w.put("web", 30)
			w.scale("agent", "dns", 50)
			rules := slices.Clone(w.rules)
			rules[0].Weight, rules[1].Weight = 90, 80
			w.configure(rules)
		}, []uint8{30, 40, 100}},
		{"blocked", func(w *weights) { w.rules[1].Mode = config.ModeBlock }, []uint8{100, 0, 100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := weighted()
			tt.do(w)
			var got []uint8
			for i := range w.rules {
				got = append(got, w.of(i))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("weights (-want +got):\n%s", diff)
			}
			// Another process goes on with the same.
			text, err := json.Marshal(w.hand())
			if err != nil {
				t.Fatal(err)
			}
			var h handedWeights
			if err := json.Unmarshal(text, &h); err != nil {
				t.Fatal(err)
			}
			next := newWeights("web1", w.rules)
			next.resume(h)
			if diff := cmp.Diff(w.wire(), next.wire()); diff != "" {
				t.Errorf("handed on (-before +after):\n%s", diff)
			}
		})
	}
}

func TestWithdrawnNamesItsReasons(t *testing.T) {
	w := weighted()
	w.scale("service nginx", everyRule, 0)
	w.scale("check http", "web", 0)
	w.scale("check http", everyRule, 0)
	w.scale("agent", "web", 40)
	if diff := cmp.Diff([]string{"check http", "service nginx"}, w.withdrawn(0)); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
	w.scale("service nginx", everyRule, 100)
	w.scale("check http", everyRule, 100)
	if diff := cmp.Diff([]string{"check http"}, w.withdrawn(0)); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
	if got := w.withdrawn(1); got != nil {
		t.Errorf("dns is withdrawn by %v", got)
	}
}

// In the line of a rule that one node serves, a weight only says whether this node
// stands there at all.
func TestWireHasThePlaceInTheLine(t *testing.T) {
	w := weighted()
	w.scale("slow start", everyRule, 10)
	if diff := cmp.Diff([]uint8{10, 5, 91}, w.wire()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.put("db", 0)
	if got := w.wire()[2]; got != 0 {
		t.Errorf("out of the line it has %d", got)
	}
}

// What was said of a rule that is gone is not handed on.
func TestResumeForgetsRulesThatAreGone(t *testing.T) {
	w := newWeights("web1", weighted().rules[1:])
	w.resume(handedWeights{Set: map[string]uint8{"web": 3, "dns": 4}, Left: map[string]map[string]uint8{"check": {"web": 0}, "agent": {"dns": 50}}})
	if diff := cmp.Diff([]uint8{2, 91}, w.wire()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(w.left) != 1 || len(w.set) != 1 {
		t.Errorf("it still has %v and %v", w.left, w.set)
	}
}
