package pipeline

import "testing"

func TestPlacesAreBounded(t *testing.T) {
	for _, bound := range []int{0, 1, chunkLen - 1, chunkLen, chunkLen + 1, 5 * chunkLen} {
		p := newPlaces[int](bound)
		for want := range int32(bound) {
			if i := p.add(); i != want || *p.at(i) != 0 {
				t.Fatalf("bound %d: place %d, want %d, with a zero", bound, i, want)
			}
		}
		for range 2 {
			if i := p.add(); i != none {
				t.Errorf("bound %d: place %d past it", bound, i)
			}
		}
	}
}

// TestPlacesStay: what is in a place, and where that is, stays as places are added.
func TestPlacesStay(t *testing.T) {
	const bound = 100 * chunkLen
	p := newPlaces[int32](bound)
	var at [bound]*int32
	for i := range at {
		at[i] = p.at(p.add())
		*at[i] = int32(i)
	}
	for i := range at {
		if n := int32(i); p.at(n) != at[i] || *at[i] != n {
			t.Fatalf("place %d has moved, or has %d in it", i, *at[i])
		}
	}
}

// TestFragmentsTakeWhatTheyNeed: no memory before a fragment comes, and then for as
// many as wait at a time, not for as many as come.
func TestFragmentsTakeWhatTheyNeed(t *testing.T) {
	f, table := NewFragments(), testTable(t, true)
	if f.known.chunks != nil || f.known.heads != nil || f.frames.chunks != nil {
		t.Error("memory is taken before the first fragment")
	}
	dst := make([]byte, FragmentLen)
	for id := range chunkLen {
		datagram := bigUDP(40000, 3000)
		datagram.ip.Id = uint16(id)
		all := parts(t, datagram, 1480)
		for _, i := range []int{2, 1, 0} {
			f.Take(table, all[i], Facts{}, goodLease)
		}
		for f.Release(table, goodLease, dst) > 0 {
		}
	}
	if known, frames := f.known.made, f.frames.made; known != chunkLen || frames != 2 {
		t.Errorf("places for %d datagrams and %d frames, want %d and 2", known, frames, chunkLen)
	}
}
