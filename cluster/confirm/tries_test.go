package confirm

import "testing"

// Who sends much, from one address or from all, leaves the others' tries and spends
// no more than there are.
func TestTriesAreSpreadOverSenders(t *testing.T) {
	var tries Tries
	forger, node := []byte{2, 0, 0, 0, 0, 1}, []byte{2, 0, 0, 0, 0, 2}
	for range 2 { // times
		took := 0
		for range 10_000 {
			if tries.Take(forger) {
				took++
			}
		}
		if took != triesPerSlot {
			t.Errorf("%d frames of one sender tried, want %d", took, triesPerSlot)
		}
		if !tries.Take(node) {
			t.Error("another sender's frame is not tried")
		}
		for i := range 100_000 {
			if tries.Take([]byte{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)}) {
				took++
			}
		}
		if want := triesSlots*triesPerSlot - 1; took != want {
			t.Errorf("%d frames of strangers tried, want %d", took, want)
		}
		tries.Renew()
	}
}
