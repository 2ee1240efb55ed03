package farm

import (
	"math/rand/v2"
	"testing"

	"thresher/config"
	"thresher/pipeline"
)

// TestProgramDecidesAlone: in hand-over the program asks nobody, at no offload
// level, and decides as at offload full.
func TestProgramDecidesAlone(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 22))
	for _, offload := range []config.Offload{config.OffloadNone, config.OffloadReject, config.OffloadFull} {
		vips, rules := randomFarm(random, 3, 20)
		vips[0].Mode, vips[0].MAC = config.Directed, kernelNIC
		k := newKernel(t, offload, vips, rules, randomShare(random, len(rules)), unchanged)
		source := newFrameSource(t, random.Uint64(), vips, rules, kernelNIC)
		if err := k.program.SetHandOver(true); err != nil {
			t.Fatal(err)
		}
		k.offload, k.alone = config.OffloadFull, true
		for _, good := range []bool{true, false} {
			k.lease(good)
			if err := k.search(source, 20_000); err != nil {
				t.Errorf("offload %s, lease good %v: %v", offload, good, err)
			}
		}
		if err := k.program.SetHandOver(false); err != nil {
			t.Fatal(err)
		}
		k.offload, k.alone = offload, false
		if err := k.search(source, 5_000); err != nil {
			t.Errorf("offload %s, after it: %v", offload, err)
		}
		if k.met[pipeline.Parked] == 0 || k.met[pipeline.AcceptedKnown] == 0 {
			t.Errorf("offload %s: met %v", offload, k.met)
		}
	}
}
