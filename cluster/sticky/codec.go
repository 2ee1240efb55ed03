package sticky

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"thresher/cluster/confirm"
)

// Bounds of a message on the wire.
const (
	// MaxClients is how many clients a message speaks of, so that it fits a
	// best-effort message with the longest name.
	MaxClients = 25
	// MaxWire is the longest encoding, in bytes.
	MaxWire   = headLen + maxName + MaxClients*clientLen
	maxName   = 255
	headLen   = 2 + 4*8 + 2
	clientLen = 8 + 2 + 16 + 1
)

// messageVersion is the first byte. A release that only appends fields keeps it.
const messageVersion = 1

var errTruncated = errors.New("message of stickiness: truncated")

// Append encodes the message onto b, big-endian:
//
//	version 1 | kind 1 | boot 8 | seq 8 | echoed boot 8 | lease in ns 8 | name: length 1, bytes
//	clients: count 1, then for each rule 8 | bucket 2 | address as IPv6 has it 16 | mine 1
//
// On an error b comes back as it was.
func (m *Message) Append(b []byte) ([]byte, error) {
	if err := m.validate(); err != nil {
		return b, fmt.Errorf("message of stickiness: %w", err)
	}
	out := append(b, messageVersion, byte(m.Kind))
	for _, v := range []uint64{m.Boot, m.Seq, m.EchoBoot, uint64(m.Lease)} {
		out = binary.BigEndian.AppendUint64(out, v)
	}
	out = append(append(out, byte(len(m.Name))), m.Name...)
	out = append(out, byte(len(m.Clients)))
	for i, c := range m.Clients {
		out = binary.BigEndian.AppendUint64(out, uint64(c.Rule))
		out = binary.BigEndian.AppendUint16(out, c.Bucket)
		addr := c.Addr.As16()
		out = append(out, addr[:]...)
		mine := byte(0)
		if m.Kind == Answer && m.Mine[i] {
			mine = 1
		}
		out = append(out, mine)
	}
	return out, nil
}

// Decode reads a message. Further bytes at the end are a later release's. Nothing
// in the result aliases b.
func Decode(b []byte) (*Message, error) {
	if len(b) < headLen {
		return nil, errTruncated
	}
	if b[0] != messageVersion {
		return nil, fmt.Errorf("message of stickiness of version %d: this release speaks version %d", b[0], messageVersion)
	}
	u64 := func(i int) uint64 { return binary.BigEndian.Uint64(b[2+8*i:]) }
	m := &Message{Kind: Kind(b[1]), Boot: u64(0), Seq: u64(1), EchoBoot: u64(2), Lease: time.Duration(u64(3))}
	name := int(b[headLen-2])
	if b = b[headLen-1:]; len(b) < name+1 {
		return nil, errTruncated
	}
	m.Name = string(b[:name])
	if err := m.decodeClients(int(b[name]), b[name+1:]); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("message of stickiness: %w", err)
	}
	return m, nil
}

func (m *Message) decodeClients(count int, b []byte) error {
	if len(b) < count*clientLen {
		return errTruncated
	}
	for ; count > 0; count-- {
		if b[26] > 1 || m.Kind != Answer && b[26] != 0 {
			return fmt.Errorf("message of stickiness: %d in the place of yes or no", b[26])
		}
		m.Clients = append(m.Clients, Client{
			Rule: confirm.RuleID(binary.BigEndian.Uint64(b)), Bucket: binary.BigEndian.Uint16(b[8:]),
			Addr: netip.AddrFrom16([16]byte(b[10:])).Unmap(),
		})
		if m.Kind == Answer {
			m.Mine = append(m.Mine, b[26] == 1)
		}
		b = b[clientLen:]
	}
	return nil
}

// validate checks everything about a message that does not depend on others.
func (m *Message) validate() error {
	switch {
	case m.Kind < Hold || m.Kind > Farewell:
		return fmt.Errorf("unknown kind %d", m.Kind)
	case m.Name == "" || len(m.Name) > maxName:
		return fmt.Errorf("name of %d bytes: must have 1 to %d", len(m.Name), maxName)
	case m.Boot == 0 || m.Seq == 0:
		return errors.New("no boot or seq")
	case m.Lease < 0:
		return errors.New("negative lease")
	case len(m.Clients) > MaxClients:
		return fmt.Errorf("%d clients: at most %d", len(m.Clients), MaxClients)
	case m.Kind == Answer && len(m.Mine) != len(m.Clients):
		return fmt.Errorf("%d answers about %d clients", len(m.Mine), len(m.Clients))
	case len(m.Clients) > 0 && m.Kind != Ask && m.Kind != Answer:
		return fmt.Errorf("clients in a message of kind %d", m.Kind)
	}
	for _, c := range m.Clients {
		if !c.Addr.IsValid() || c.Addr.Zone() != "" {
			return fmt.Errorf("client %v", c.Addr)
		}
	}
	return nil
}
