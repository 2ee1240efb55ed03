package access

import (
	"net/netip"
	"time"

	"thresher/internal/crowd"
)

// maxFamiliar bounds the memory: the address is forgotten that has been away for longest.
const maxFamiliar = 256

// familiar are the addresses that somebody has logged in from, and when they last did.
// Whoever has many others neither takes their places nor locks them out, be it from the
// same network.
type familiar map[netip.Addr]time.Time

func (f familiar) add(now time.Time, a netip.Addr) {
	f[a] = now
	if len(f) <= maxFamiliar {
		return
	}
	oldest := a
	for other, at := range f {
		if at.Before(f[oldest]) {
			oldest = other
		}
	}
	delete(f, oldest)
}

func (f familiar) has(a netip.Addr) bool {
	_, ok := f[a]
	return ok
}

// of is what an address counts as: itself if it is familiar, else its place.
func (f familiar) of(a netip.Addr) netip.Addr {
	if f.has(a) {
		return a
	}
	return crowd.Of(a)
}
