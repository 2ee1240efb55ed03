package settle

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"thresher/cluster/confirm"
)

// scattered returns n buckets all over a rule, from a seed.
func scattered(seed uint64, n int) *confirm.Bitmap {
	b, r := confirm.NewBitmap(Buckets), rand.New(rand.NewPCG(seed, 0))
	for _, i := range r.Perm(Buckets)[:n] {
		b.Set(i)
	}
	return b
}

// reportWith has one rule for each bitmap, from 1 up.
func reportWith(flows ...*confirm.Bitmap) *Report {
	r := &Report{Name: "node1", Boot: 5, Seq: 6, View: 7, Release: 8, EchoBoot: 9, EchoSeq: 10, Answer: true}
	m := make(map[confirm.RuleID]*confirm.Bitmap)
	for i, f := range flows {
		r.Rules = append(r.Rules, confirm.RuleID(i+1))
		m[confirm.RuleID(i+1)] = f
	}
	r.Flows = confirm.BucketsOf(m)
	return r
}

func mustAppend(t testing.TB, r *Report) []byte {
	t.Helper()
	b, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameReport compares two reports, sets by content.
func sameReport(t *testing.T, got, want *Report) {
	t.Helper()
	g, w := *got, *want
	g.Flows, w.Flows = confirm.Buckets{}, confirm.Buckets{}
	if len(g.Rules) != len(w.Rules) || g.Name != w.Name || g.Boot != w.Boot || g.Seq != w.Seq ||
		g.View != w.View || g.Release != w.Release || g.Answer != w.Answer ||
		g.EchoBoot != w.EchoBoot || g.EchoSeq != w.EchoSeq {
		t.Errorf("got %+v, want %+v", g, w)
	}
	for i := range w.Rules {
		if g.Rules[i] != w.Rules[i] {
			t.Errorf("rule %d is %#x, want %#x", i, g.Rules[i], w.Rules[i])
		}
	}
	if !got.Flows.Equal(want.Flows) {
		t.Errorf("%d buckets, want %d, or others", got.Flows.Len(), want.Flows.Len())
	}
}

func TestReportSurvivesTheWire(t *testing.T) {
	for _, tt := range []struct {
		name   string
		report *Report
		size   int // of the buckets, with their form
	}{
		{"nothing known", reportWith(), 0},
		{"no flows", reportWith(nil), 1},
		{"one flow", reportWith(scattered(1, 1)), 1 + 2 + 2},
		{"longest list", reportWith(scattered(2, maxList)), 1 + bitmapSize},
		{"shortest bitmap", reportWith(scattered(3, maxList+1)), 1 + bitmapSize},
		{"all but one", reportWith(scattered(4, Buckets-1)), 1 + bitmapSize},
		{"all", reportWith(fullBitmap()), 1},
		{"several", reportWith(scattered(5, 3), nil, fullBitmap()), 1 + 2 + 6 + 1 + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := mustAppend(t, tt.report)
			if want := 51 + len("node1") + 2 + 8*len(tt.report.Rules) + tt.size; len(b) != want {
				t.Errorf("%d bytes, want %d", len(b), want)
			}
			got, err := Decode(append(b, "a later release's"...))
			if err != nil {
				t.Fatal(err)
			}
			sameReport(t, got, tt.report)
		})
	}
}

// A farm of 256 busy rules does not fit: what is left out counts as flows
// everywhere, so that nothing settles for it.
func TestReportThatDoesNotFit(t *testing.T) {
	flows := make([]*confirm.Bitmap, MaxRules)
	for i := range flows {
		flows[i] = scattered(uint64(i), Buckets/2)
	}
	r := reportWith(flows...)
	b := mustAppend(t, r)
	if len(b) > MaxWire {
		t.Fatalf("%d bytes, at most %d may come", len(b), MaxWire)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Flows.Minus(got.Flows).Empty() {
		t.Error("flows were lost")
	}
	exact := 0
	for _, bits := range got.Flows.Rules() {
		if bits.Len() == Buckets/2 {
			exact++
		}
	}
	if exact != 64 || len(got.Rules) != MaxRules {
		t.Errorf("%d of %d rules as they are, want 64 of %d", exact, len(got.Rules), MaxRules)
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, change := range map[string]func(*Report){
		"no name":        func(r *Report) { r.Name = "" },
		"long name":      func(r *Report) { r.Name = strings.Repeat("n", maxName+1) },
		"no boot":        func(r *Report) { r.Boot = 0 },
		"no seq":         func(r *Report) { r.Seq = 0 },
		"unsorted rules": func(r *Report) { r.Rules = []confirm.RuleID{2, 1} },
		"unknown rule":   func(r *Report) { r.Rules = []confirm.RuleID{9} },
		"257 rules":      func(r *Report) { r.Rules = make([]confirm.RuleID, MaxRules+1) },
	} {
		r := reportWith(scattered(1, 1))
		change(r)
		if b, err := r.Append([]byte("kept")); err == nil || string(b) != "kept" {
			t.Errorf("%s: %v, %q", name, err, b)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := mustAppend(t, reportWith(scattered(1, 2)))
	at := len(good) - 4 // of the first bucket number
	change := func(i int, v ...byte) []byte { b := bytes.Clone(good); copy(b[i:], v); return b }
	for _, tt := range []struct {
		name, want string
		b          []byte
	}{
		{"another version", "version 2", change(0, 2)},
		{"unknown flags", "flags", change(1, 2)},
		{"no boot", "no boot", change(2, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"unknown form", "form 9", change(at-3, 9)},
		{"empty list", "list of 0", change(at-2, 0, 0)},
		{"falling numbers", "do not rise", change(at, 0xff, 0xff, 0, 1)},
		{"equal numbers", "do not rise", change(at, 0, 1, 0, 1)},
		{"too many rules", "at most 256", change(at-13, 1, 1)},
		{"too long", "at most", make([]byte, MaxWire+1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Decode(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q", err, tt.want)
			}
		})
	}
	for n := range good {
		if _, err := Decode(good[:n]); !errors.Is(err, errTruncated) {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range []*Report{
		reportWith(), reportWith(scattered(1, 3), nil, fullBitmap()), reportWith(scattered(2, maxList+1)),
	} {
		f.Add(mustAppend(f, r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(mustAppend(t, r))
		if err != nil {
			t.Fatalf("decoded but not encodable: %v", err)
		}
		sameReport(t, again, r)
		// A node must survive whatever decodes.
		n, _ := New("b", 1, Params{}, []confirm.RuleID{1}, 1)
		n.Receive(2, r)
	})
}
