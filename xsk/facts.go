package xsk

import "github.com/asavie/xdp"

// factsLen is the length of the metadata that the program writes before a frame
// (struct facts, xsk/bpf/facts.h), in bytes.
const factsLen = 8

// facts takes what the program found out about a received frame, for
// pipeline.ParseFacts, and leaves zeros: a frame that comes without metadata, as
// from drivers that have no room for it, must not show what an earlier one in
// the same place came with. The kernel keeps Headroom free before each frame.
func (r *Receiver) facts(d xdp.Desc) [factsLen]byte {
	place := r.area[d.Addr-factsLen : d.Addr]
	facts := [factsLen]byte(place)
	clear(place)
	return facts
}
