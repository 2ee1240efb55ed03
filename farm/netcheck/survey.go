package netcheck

import (
	"net/netip"
	"slices"

	"thresher/arp"
	"thresher/config"
	"thresher/farm/wire"
)

// survey is what was heard. VIPs are numbered as in the configuration.
type survey struct {
	cfg    *config.Config
	digest uint64
	self   wire.ID
	sent   []uint32 // probes sent so far, by VIP
	peers  map[wire.ID]*peer
	seen   map[way]*wire.Seen    // the peers' probes that came here
	claims []claims              // who answered for a VIP
	asking []map[config.MAC]bool // who was heard to ask for a VIP
}

// peer is another machine that takes part.
type peer struct {
	name    string
	address netip.Addr
	mac     config.MAC
	digest  uint64
	asks    uint32              // in how many reports it was one that asks for the VIPs, as this machine does
	since   []uint32            // how many probes this node had sent when the peer was first heard, by VIP
	saw     map[uint8]wire.Seen // what it has seen of this node's
	began   map[uint8]uint32    // its first report of what it sent
	sent    map[uint8]uint32    // and its last
}

type way struct {
	vip  uint8
	from wire.ID
}

func newSurvey(cfg *config.Config, self wire.ID) *survey {
	s := &survey{
		cfg: cfg, digest: cfg.RulesDigest(), self: self, sent: make([]uint32, len(cfg.VIPs)),
		peers: make(map[wire.ID]*peer), seen: make(map[way]*wire.Seen), claims: make([]claims, len(cfg.VIPs)),
	}
	for range cfg.VIPs {
		s.asking = append(s.asking, make(map[config.MAC]bool))
	}
	return s
}

// heard takes in a report.
func (s *survey) heard(r wire.Report, from config.MAC) {
	p := s.peers[r.From]
	if p == nil {
		p = &peer{
			since: slices.Clone(s.sent), saw: make(map[uint8]wire.Seen),
			began: make(map[uint8]uint32), sent: make(map[uint8]uint32),
		}
		s.peers[r.From] = p
	}
	p.name, p.address, p.mac, p.digest = r.Name, r.Address, from, r.Digest
	if p.digest != s.digest {
		return // It numbers VIPs in another way.
	}
	if r.Asks {
		p.asks++
	}
	for _, sent := range r.Sent {
		if _, ok := p.began[sent.VIP]; !ok {
			p.began[sent.VIP] = sent.Seq
		}
		p.sent[sent.VIP] = sent.Seq
	}
	for _, seen := range r.Seen {
		if seen.From == s.self {
			p.saw[seen.VIP] = seen
		}
	}
}

// probed takes in a probe of another's.
func (s *survey) probed(p wire.Probe) {
	for i, v := range s.cfg.VIPs {
		if v.Address != p.VIP {
			continue
		}
		at := way{uint8(i), p.From}
		if s.seen[at] == nil {
			s.seen[at] = &wire.Seen{VIP: uint8(i), From: p.From}
		}
		if e := s.seen[at]; p.Seq > e.Seq {
			e.Seq = p.Seq
			e.Count++
		}
	}
}

// neighbour takes in what somebody else said about any address.
func (s *survey) neighbour(h arp.Heard) {
	for i, v := range s.cfg.VIPs {
		switch {
		case v.Address != h.Address:
		case h.Asks:
			s.asking[i][h.Source] = true
		default:
			s.claims[i].answered(claim{mac: h.MAC, source: h.Source, reply: h.Alone})
		}
	}
}

// claim is one answer for a VIP.
type claim struct {
	mac    config.MAC // that is claimed to be the VIP's
	source config.MAC // that the frame came from
	reply  bool       // to this machine alone, and not told to everybody
}

// foreign tells whether an answer for a VIP is none of the farm's: with an address that
// it may not have, or by a machine that takes no part. Who runs a farm of its own with the
// same VIP gives the same address.
func (s *survey) foreign(v config.VIP, one claim) bool {
	for _, p := range s.peers {
		if p.mac == one.source {
			return !s.mayHave(v, one.mac)
		}
	}
	return true
}

// claims are those of one VIP, by the request that they answer.
type claims []map[claim]bool

// asked begins a new request.
func (c *claims) asked() { *c = append(*c, make(map[claim]bool)) }

// answered takes in an answer to the last request, or what came unasked.
func (c *claims) answered(one claim) {
	if len(*c) == 0 {
		c.asked()
	}
	(*c)[len(*c)-1][one] = true
}
