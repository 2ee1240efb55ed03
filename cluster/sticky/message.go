package sticky

import (
	"net/netip"
	"time"

	"thresher/cluster/confirm"
)

// Client is a client of one rule.
type Client struct {
	Rule confirm.RuleID
	// Bucket is what the client hashes into.
	Bucket uint16
	// Addr is the client's address.
	Addr netip.Addr
}

// Kind says what a message is.
type Kind uint8

// The kinds of messages.
const (
	// Hold is from a holder to all that may own buckets: do you count on me?
	Hold Kind = iota + 1
	// Grant answers a Hold.
	Grant
	// Ask is from an owner to one that may be a holder: are these yours?
	Ask
	// Answer answers an Ask, for those clients of which it can be said.
	Answer
	// Farewell is from a node that remembers nobody, and will not in this boot.
	Farewell
)

// Message is what two nodes say to each other. It is never changed after it was
// made.
type Message struct {
	Kind Kind
	// Name and Boot are the sender's.
	Name string
	Boot uint64
	// Seq numbers a sender's messages. Grant and Answer have the number of what
	// they answer, and EchoBoot, that sender's boot.
	Seq, EchoBoot uint64
	// Lease is for how long a Grant counts.
	Lease time.Duration
	// Clients are those that Ask and Answer are about, at most MaxClients.
	Clients []Client
	// Mine says of each client of an Answer whether the sender remembers it.
	Mine []bool
}

// Outgoing is a message for one member, best effort.
type Outgoing struct {
	To      string
	Message *Message
}
