package farm

import (
	"encoding/binary"

	"thresher/config"
	"thresher/health"
	"thresher/pipeline"
	"thresher/xsk"
)

// kernelRules is a compiled configuration as the kernel program has it.
func kernelRules(r *pipeline.Rules, offload config.Offload) *xsk.Rules {
	k := &xsk.Rules{
		Multiplier:  r.VIPs.Multiplier,
		Multiplier6: r.VIPs6.Multiplier,
		Vips:        uint32(len(r.VMACs)),
		Offload:     uint32(offload),
		Unruled:     uint32(r.Default),
		// Each rule, and ICMP echo, may have a part of its own.
		MaxParts: uint32(len(r.Affinities)) + 1,
	}
	setHash(k, r.Key)
	k.Nic = kernelMAC(r.NIC)
	k.Tcp.OfPort, k.Tcp.Rule = r.TCP.OfPort, r.TCP.Rule
	k.Udp.OfPort, k.Udp.Rule = r.UDP.OfPort, r.UDP.Rule
	for i, s := range r.VIPs.Slots {
		k.Slots[i].Addr, k.Slots[i].Number = s.Addr, s.Number
	}
	for i, s := range r.VIPs6.Slots {
		k.Slots6[i].Lo, k.Slots6[i].Hi, k.Slots6[i].Number = s.Lo, s.Hi, s.Number
	}
	for i, mac := range r.VMACs {
		k.Vmacs[i] = kernelMAC(mac)
	}
	for i, mac := range r.Former {
		if !mac.IsZero() {
			k.Former[i] = kernelMAC(mac)
			k.Formers++
		}
	}
	for i, directed := range r.Directed {
		if directed {
			k.Directed[i] = 1
			k.Relays++
		}
	}
	for i, h := range r.Hashed {
		k.Hashed[i].Mask4, k.Hashed[i].Mask6, k.Hashed[i].Port6 = h.Mask4, h.Mask6, uint64(h.Port6)
		if r.Sticky[i] {
			k.Sticky[i] = 1
		}
	}
	for i, forward := range r.Forward {
		if forward {
			k.Forward[i] = 1
			k.Forwards++
		}
	}
	return k
}

// setHash gives the program the numbers of the bucket hash that the key is for.
func setHash(k *xsk.Rules, key config.HashKey) {
	if key.Function == config.SipHash {
		k.Siphash = 1
		k.Begun.V0, k.Begun.V1, k.Begun.V2, k.Begun.V3 = pipeline.SipBegun(key.Secret)
		return
	}
	m, into := pipeline.NewMultilinear(key.Secret), &k.Multilinear
	into.Start4, into.Start6, into.Add = m.Start4, m.Start6, m.Add
	into.Mix, into.StartAgain, into.AddAgain = m.Mix, m.StartAgain, m.AddAgain
}

// kernelProgram is the kernel program's configuration on this machine.
func kernelProgram(r *pipeline.Rules, d config.Datapath, facts health.Facts) *xsk.Rules {
	k := kernelRules(r, d.Offload)
	k.SocketFrame = uint32(xsk.MemoryFor(facts.MTU).Longest())
	if facts.InPieces(d.XDP) {
		k.Pieces = 1
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
	s := &xsk.Share{PartOfRule: t.PartOf[:last], PartOfEcho: t.PartOf[last]}
	for i := range t.Parts {
		part := &t.Parts[i]
		s.Parts = append(s.Parts, xsk.Part{
			Mine: xsk.BucketSet(part.Mine), Ask: xsk.BucketSet(part.Ask), Unsettled: xsk.BucketSet(part.Unsettled),
			Sticky: xsk.BucketSet(part.Sticky), Owners: (*[pipeline.Buckets]uint8)(part.Owners),
		})
	}
	for _, mac := range t.Nodes {
		s.Nodes = append(s.Nodes, kernelMAC(mac))
	}
	return s
}

// takes tells whether a new table takes from this node what the old one let it
// accept: a bucket, or the right to judge there without asking whose a flow is.
// Then a packet that is judged by the old one must not come out afterwards.
func takes(old, next *pipeline.Table) bool {
	if !old.Serving || !next.Serving {
		return old.Serving
	}
	type pair struct{ old, next uint16 }
	compared := make(map[pair]bool)
	for rule := range old.PartOf {
		p := pair{old.PartOf[rule], next.PartOf[rule]}
		if compared[p] {
			continue
		}
		compared[p] = true
		if takesPart(&old.Parts[p.old], &next.Parts[p.next]) {
			return true
		}
	}
	return false
}

func takesPart(old, next *pipeline.Part) bool {
	for i := range old.Mine {
		if old.Mine[i]&^next.Mine[i] != 0 {
			return true
		}
		if old.Mine[i]&next.Sticky[i]&^old.Sticky[i] != 0 {
			return true
		}
		// Only in buckets that were its own could the node accept without asking.
		unsettled := next.Unsettled[i] | next.Ask[i]
		if old.Mine[i]&unsettled&^(old.Unsettled[i]|old.Ask[i]) != 0 {
			return true
		}
	}
	return false
}
