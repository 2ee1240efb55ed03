package arp

import "fmt"

// Announce tells the whole segment, once, that b.MAC answers for b.Address: by
// gratuitous ARP, in both its forms, or by an unsolicited advertisement. The error
// joins what went wrong.
func (r *Responder) Announce(b Binding) error {
	if !r.wire.takes(b.Address.Unmap()) {
		return fmt.Errorf("announce %v: not an address of the responder's family", b.Address)
	}
	if err := r.wire.announce(b); err != nil {
		r.counts.announceErrors.Add(1)
		return fmt.Errorf("announce %v at %v: %w", b.Address, b.MAC, err)
	}
	r.counts.announcements.Add(1)
	return nil
}

// defend tells the segment who has a VIP that somebody else has claimed, if it is
// this node's to answer for. Conflicts come here at most once per VIP and
// defendInterval, as RFC 5227 §2.4 (c) wants it of who never gives its address up;
// NDP has no such rule, and keeps to the same one.
func (r *Responder) defend(t *table, m message) {
	mac, mine := t.answer[m.sender]
	if !mine {
		return
	}
	// An error is counted, and the next conflict or refresh tries again.
	if r.Announce(Binding{Address: m.sender, MAC: mac}) == nil {
		r.counts.defences.Add(1)
	}
}
