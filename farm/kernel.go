package farm

import (
	"encoding/binary"

	"thresher/config"
	"thresher/pipeline"
	"thresher/xsk"
)

// kernelRules is a compiled configuration as the kernel program has it.
func kernelRules(r *pipeline.Rules, offload config.Offload) *xsk.Rules {
	k := &xsk.Rules{
		Key: [2]uint64{
			binary.LittleEndian.Uint64(r.Key[:8]), binary.LittleEndian.Uint64(r.Key[8:]),
		},
		Multiplier: r.VIPs.Multiplier,
		Vips:       uint32(len(r.VMACs)),
		Offload:    uint32(offload),
		// Each rule, and ICMP echo, may have a set of its own.
		MaxSets: uint32(len(r.Affinities)) + 1,
	}
	k.Nic = kernelMAC(r.NIC)
	k.Tcp.OfPort, k.Tcp.Rule = r.TCP.OfPort, r.TCP.Rule
	k.Udp.OfPort, k.Udp.Rule = r.UDP.OfPort, r.UDP.Rule
	for i, s := range r.VIPs.Slots {
		k.Slots[i].Addr, k.Slots[i].Number = s.Addr, s.Number
	}
	for i, mac := range r.VMACs {
		k.Vmacs[i] = kernelMAC(mac)
	}
	for i, a := range r.Affinities {
		k.Affinity[i] = uint8(a)
	}
	return k
}

// kernelMAC is an Ethernet address as the kernel program has it: its bytes as on
// the wire, in the low 48 bits.
func kernelMAC(m config.MAC) uint64 {
	return binary.LittleEndian.Uint64(append(m[:], 0, 0))
}

// kernelShare is a table's share as the kernel program has it; nil if the table
// serves nothing.
func kernelShare(t *pipeline.Table) *xsk.Share {
	if !t.Serving {
		return nil
	}
	last := len(t.PartOf) - 1
	s := &xsk.Share{SetOfRule: t.PartOf[:last], SetOfEcho: t.PartOf[last]}
	for i := range t.Parts {
		s.Sets = append(s.Sets, xsk.BucketSet(t.Parts[i].Mine))
	}
	return s
}
