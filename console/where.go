package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
)

// Where says which node serves a client by a rule.
type Where struct {
	// Node names the node that lets the client's new flows in.
	Node string `json:"node"`
	// Rule names the rule that decided.
	Rule string `json:"rule"`
	// Bucket is the bucket that the client hashes into, counted from 0.
	Bucket int `json:"bucket"`
	// Reason says why no node can be told, and then there is no bucket either; only in
	// a list.
	Reason string `json:"reason,omitempty"`
	// Sticky says that the node is not the bucket's owner: it keeps the client, by
	// the rule's stickiness. The bucket's owner and the keeper know it.
	Sticky bool `json:"sticky,omitempty"`
}

// ParseClient reads a client as people write it: ADDR, ADDR:PORT, and for IPv6
// with a port [ADDR]:PORT. The port is 0 if none was given. An IPv4 address in
// IPv6 form comes back as IPv4.
func ParseClient(text string) (netip.Addr, uint16, error) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		addr, err := plainAddr(withPort.Addr(), text)
		return addr, withPort.Port(), err
	}
	bare := text
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		bare = text[1 : n-1]
	}
	addr, err := netip.ParseAddr(bare)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf(
			"client %q is not an address; write 192.0.2.7, 192.0.2.7:40000 or [2001:db8::7]:40000", text)
	}
	addr, err = plainAddr(addr, text)
	return addr, 0, err
}

// plainAddr returns the form of addr that a packet carries.
func plainAddr(addr netip.Addr, text string) (netip.Addr, error) {
	if addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("client %q has a zone, which no packet carries; leave %%%s out", text, addr.Zone())
	}
	return addr.Unmap(), nil
}

// oneOrMore reads a list, of which one alone may come without brackets.
type oneOrMore[T any] []T

// UnmarshalJSON takes either form.
func (list *oneOrMore[T]) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*[]T)(list))
	}
	*list = make([]T, 1)
	return json.Unmarshal(text, &(*list)[0])
}
