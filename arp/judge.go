package arp

import (
	"net"
	"net/netip"

	"thresher/config"
)

// judge says what is to become of one message. It decides, and does nothing: for
// Answered and ProbeDefended the caller sends the reply, for Conflict it tells.
func (t *table) judge(m message, nic config.MAC) Reason {
	if mac, ok := t.watch[m.sender]; ok {
		if m.senderMAC != mac && !t.formerly(m) {
			return Conflict
		}
		return Announcement
	}
	if !m.asks {
		return NotRequest
	}
	// Only now, since VMACs may be group addresses.
	if !answerable(m.senderMAC) {
		return BadSender
	}
	mac, ok := t.answer[m.target]
	switch {
	case !ok && t.watched(m.target):
		return NotElected
	case !ok:
		return NotBound
	case !m.group && m.destination != nic && m.destination != mac:
		// Clients renew a known entry by a unicast request to the VMAC.
		return OtherHost
	case m.sender.IsUnspecified():
		return ProbeDefended
	}
	return Answered
}

// answerable tells whether a unicast reply to the Ethernet address makes sense. A
// reply to a group address would let one forged request reach the whole segment.
func answerable(mac config.MAC) bool {
	group := mac[0]&1 != 0
	return !group && mac != (config.MAC{})
}

// formerly tells whether a claim names the address's former VMAC.
func (t *table) formerly(m message) bool {
	former, ok := t.former[m.sender]
	return ok && m.senderMAC == former
}

func (t *table) watched(a netip.Addr) bool {
	_, ok := t.watch[a]
	return ok
}

// macOf copies an address of 6 bytes; of any other length it makes zero, which
// no binding has.
func macOf(a net.HardwareAddr) (m config.MAC) {
	if len(a) == len(m) {
		copy(m[:], a)
	}
	return m
}
