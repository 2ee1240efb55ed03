package pipeline

import (
	"math/rand/v2"
	"testing"

	"thresher/config"
)

// mixedBatch is a batch of TCP SYNs from as many clients, a third of them ours.
func mixedBatch(tb testing.TB) (*Table, [][]byte) {
	tb.Helper()
	rules, err := Compile(testVIPs, testRules, testKey, nicMAC)
	if err != nil {
		tb.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	part := &Part{}
	for b := range Buckets {
		if random.IntN(3) == 0 {
			part.Mine.Set(uint16(b))
		}
	}
	var frames [][]byte
	for range BatchSize {
		frames = append(frames, tcpFrame(uint16(1024+random.IntN(60000)), 80).bytes(tb))
	}
	return NewTable(rules, &Share{Rules: []*Part{part, part, part}, Echo: part}), frames
}

// handle is what a queue does with a batch.
func handle(t *Table, c *Counters, frames [][]byte, facts []Facts, reasons []Reason) {
	t.JudgeBatch(frames, facts, goodLease, reasons)
	for i, f := range frames {
		if reasons[i].Verdict() == Accept {
			t.Deliver(f)
			copy(f, vipA.MAC[:]) // as it came, for the next round
		}
	}
	c.Add(reasons[:len(frames)])
}

func TestBatchAllocatesNothing(t *testing.T) {
	table, frames := mixedBatch(t)
	facts, reasons := make([]Facts, BatchSize), make([]Reason, BatchSize)
	var c Counters
	if n := testing.AllocsPerRun(100, func() { handle(table, &c, frames, facts, reasons) }); n != 0 {
		t.Errorf("%v allocations in a batch, want 0", n)
	}
}

// BenchmarkBatch is parse, hash, accept and deliver; ns/packet is the figure.
func BenchmarkBatch(b *testing.B) {
	table, frames := mixedBatch(b)
	facts, reasons := make([]Facts, BatchSize), make([]Reason, BatchSize)
	var c Counters
	b.ReportAllocs()
	for b.Loop() {
		handle(table, &c, frames, facts, reasons)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/BatchSize, "ns/packet")
}

// BenchmarkCompile is the cost of a new configuration, off the packet path.
func BenchmarkCompile(b *testing.B) {
	vips := randomVIPs(config.MaxVIPs)
	rules := randomRules(rand.New(rand.NewPCG(7, 8)), vips, 128)
	for b.Loop() {
		if _, err := Compile(vips, rules, testKey, nicMAC); err != nil {
			b.Fatal(err)
		}
	}
}
