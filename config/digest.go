package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Canonical writes what all nodes of a farm must have alike: VIPs, rules and
// the default, one per line. Two configurations that mean the same give the
// same text, whatever the order of their VIPs and ports. The rules' order
// counts, since nodes speak of rules by number. The rules' weights, priorities and
// lists of nodes say what a node itself may serve: they are each node's own and not
// in it, nor are the keys.
func (c *Config) Canonical() string {
	var b strings.Builder
	fmt.Fprintf(&b, "default %v\n", c.Default)
	vips := slices.SortedFunc(slices.Values(c.VIPs), func(x, y VIP) int { return x.Address.Compare(y.Address) })
	for _, v := range vips {
		fmt.Fprintf(&b, "vip %v %v %v\n", v.Address, v.Mode, v.MAC)
	}
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "rule %q %v %v ports%s vips%s%s\n", r.Name, r.Protocol, r.Affinity,
			list(r.Ports), list(c.ruleAddresses(r)), forwardMark(r))
		if r.Sticky > 0 {
			fmt.Fprintf(&b, "sticky %v\n", r.Sticky)
		}
		// Written only where they say something, as forwardMark is.
		if r.Affinity == Network {
			fmt.Fprintf(&b, "prefix %d %d\n", r.Prefix4, r.Prefix6)
		}
		if r.Mode == ModeSingle || r.Mode == ModeBlock {
			fmt.Fprintf(&b, "mode %v\n", r.Mode)
		}
	}
	return b.String()
}

// forwardMark is written only where it says something, so that farms without
// such rules keep their text.
func forwardMark(r Rule) string {
	if r.Forward {
		return " forward"
	}
	return ""
}

// ruleAddresses returns the VIPs that a rule holds for, sorted, so that a rule
// for all reads the same as one that names them.
func (c *Config) ruleAddresses(r Rule) []netip.Addr {
	var addrs []netip.Addr
	for _, v := range c.VIPs {
		if r.Holds(v.Address) {
			addrs = append(addrs, v.Address)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}

// list writes values with a space before each.
func list[T fmt.Stringer](values []T) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(" " + v.String())
	}
	return b.String()
}

// RulesDigest is a 64-bit digest of Canonical and the hash key: nodes with
// different ones would not agree on who serves a client. It is the first 8
// bytes, big-endian, of an HMAC-SHA-256 (RFC 2104) under the hash key, so it
// may be shown: it tells nothing of the key.
func (c *Config) RulesDigest() uint64 {
	hash := &c.Cluster.Keys.Hash
	mac := hmac.New(sha256.New, hash.Secret[:])
	mac.Write([]byte("thresher rules 1\n" + hash.Function.prefix() + c.Canonical())) // 1 is the text's version
	return binary.BigEndian.Uint64(mac.Sum(nil))
}
