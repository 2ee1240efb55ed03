package cluster

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestNegLog2 holds the integer logarithm against the floating-point one.
func TestNegLog2(t *testing.T) {
	const unit = 1 << logFraction
	for _, tc := range []struct {
		h    uint64
		want uint32
	}{
		{0, math.MaxUint32}, // 64 does not fit, so the largest number does
		{1, math.MaxUint32},
		{math.MaxUint64, 1}, // never 0: a score divides by it
	} {
		if got := negLog2(tc.h); got != tc.want {
			t.Errorf("negLog2(%#x) = %d, want %d", tc.h, got, tc.want)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		h := rng.Uint64()>>rng.UintN(60) | 1
		want := (64 - math.Log2(float64(h))) * unit
		if got := float64(negLog2(h)); math.Abs(got-want) > 2 {
			t.Fatalf("negLog2(%#x) = %.0f, want %.1f", h, got, want)
		}
	}
}

// TestColumnMean checks that the draws are exponential: their mean in nats is 1,
// with a standard error of 1/256 over 65,536 buckets.
func TestColumnMean(t *testing.T) {
	for _, name := range []string{"", "web1", "web2", "a-rather-long-host-name.example.net"} {
		sum := 0.0
		for _, l := range newColumn(name) {
			sum += float64(l) / (1 << logFraction) * math.Ln2
		}
		if mean := sum / Buckets; math.Abs(mean-1) > 5.0/256 {
			t.Errorf("%q: mean %.4f, want 1 within 5 standard errors", name, mean)
		}
	}
}

// BenchmarkColumn is what a node that was never seen costs, once.
func BenchmarkColumn(b *testing.B) {
	for b.Loop() {
		newColumn("web1")
	}
}
