package xsk

import "testing"

// TestHandOnByQueue: no share names owners to the program from then on, and one that was
// being set meanwhile and still does is put right by another call.
func TestHandOnByQueue(t *testing.T) {
	newWire(t, 1)
	p := ownAll(t, func(r *Rules) { r.Relays, r.Directed[0] = 1, 1 })
	share := wholeShare()
	share.Parts[0].Owners, share.Nodes = new([1 << 16]uint8), []uint64{1}
	owner := func(slot int) uint8 {
		t.Helper()
		var owners [1 << 16]uint8
		must(t, p.objects.Owners.Lookup(uint32(slot*p.slots.room), &owners))
		return owners[4711]
	}
	slot := p.slots.next
	must(t, p.SetShare(share))
	if p.HandsOnByQueue() || owner(slot) != 0 {
		t.Fatalf("by queue: %v, the owner is %d", p.HandsOnByQueue(), owner(slot))
	}
	for range 2 {
		must(t, p.HandOnByQueue())
		if !p.HandsOnByQueue() || owner(slot) != 0xff {
			t.Errorf("by queue: %v, the owner is %d", p.HandsOnByQueue(), owner(slot))
		}
		must(t, p.objects.Owners.Put(uint32(slot*p.slots.room), share.Parts[0].Owners))
	}
	slot = p.slots.next
	must(t, p.SetShare(share))
	if owner(slot) != 0xff {
		t.Errorf("the owner in a later share is %d", owner(slot))
	}
}

// A share that names no owners is written as one that does: what it says instead is there
// already.
func TestAShareWithoutOwnersAllocatesNoMore(t *testing.T) {
	newWire(t, 1)
	p := ownAll(t, func(r *Rules) { r.Relays, r.Directed[0] = 1, 1 })
	share := wholeShare()
	set := func() { must(t, p.slots.write(share)) }
	without := testing.AllocsPerRun(5, set)
	share.Parts[0].Owners = new([1 << 16]uint8)
	if with := testing.AllocsPerRun(5, set); without > with {
		t.Errorf("%v allocations without owners, %v with them", without, with)
	}
}
