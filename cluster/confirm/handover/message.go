package handover

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Message is part of a list, for one receiver. It goes as a reliable message
// (TCP), since thousands of tuples fit no datagram.
type Message struct {
	// Name and Boot are the holder's.
	Name string
	Boot uint64
	// From is after which step Items begin, Seq the step that the last leads to.
	From, Seq uint64
	// Release is up to which release the list is complete at Seq.
	Release uint64
	// Whole says that Items are all that is open, and replace what was known.
	Whole bool
	// Items are the steps.
	Items []Item
}

// Item is a handshake handed over, or done.
type Item struct {
	Done  bool
	Tuple Tuple
}

// Echo is how far a receiver has come with a holder's list.
type Echo struct{ Boot, Seq, Release uint64 }

// messageVersion is the first byte. A release that appends fields keeps it.
const messageVersion = 1

// maxItems bounds a message: a history of every handshake begun and done.
const maxItems = 2 * MaxTuples

// Item kinds on the wire: what it says, and the addresses' length.
const (
	flagDone = 1 << 0
	flagIPv6 = 1 << 1
)

var errTruncated = errors.New("half-open list: truncated")

// Append encodes the message onto b, big-endian:
//
//	version 1 | whole 1 | boot 8 | from 8 | seq 8 | release 8 | name: length 1, bytes
//	items: count 4, then for each flags 1 | client address 4 or 16, port 2 | server the same
func (m *Message) Append(b []byte) ([]byte, error) {
	if len(m.Items) > maxItems || len(m.Name) == 0 || len(m.Name) > 255 {
		return b, fmt.Errorf("half-open list of %q with %d items: at most %d", m.Name, len(m.Items), maxItems)
	}
	whole := byte(0)
	if m.Whole {
		whole = 1
	}
	out := append(b, messageVersion, whole)
	for _, v := range []uint64{m.Boot, m.From, m.Seq, m.Release} {
		out = binary.BigEndian.AppendUint64(out, v)
	}
	out = append(append(out, byte(len(m.Name))), m.Name...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(m.Items)))
	for _, it := range m.Items {
		if it.Tuple.Client.Addr().Is4() != it.Tuple.Server.Addr().Is4() {
			return b, fmt.Errorf("half-open list: %v and %v are of different families", it.Tuple.Client, it.Tuple.Server)
		}
		out = it.append(out)
	}
	return out, nil
}

// append encodes one item.
func (it Item) append(b []byte) []byte {
	flags := byte(0)
	if it.Done {
		flags |= flagDone
	}
	if !it.Tuple.Client.Addr().Is4() {
		flags |= flagIPv6
	}
	b = append(b, flags)
	for _, a := range []netip.AddrPort{it.Tuple.Client, it.Tuple.Server} {
		b = append(b, a.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, a.Port())
	}
	return b
}

// Decode reads a message. Further bytes at the end are a later release's.
func Decode(b []byte) (*Message, error) {
	const head = 2 + 4*8 + 1
	if len(b) < head {
		return nil, errTruncated
	}
	if b[0] != messageVersion {
		return nil, fmt.Errorf("half-open list of version %d: this release speaks version %d", b[0], messageVersion)
	}
	if b[1] > 1 {
		return nil, fmt.Errorf("half-open list: unknown kind %d", b[1])
	}
	u64 := func(i int) uint64 { return binary.BigEndian.Uint64(b[2+8*i:]) }
	m := &Message{Whole: b[1] == 1, Boot: u64(0), From: u64(1), Seq: u64(2), Release: u64(3)}
	name := int(b[head-1])
	b = b[head:]
	if name == 0 || len(b) < name+4 {
		return nil, errTruncated
	}
	m.Name = string(b[:name])
	return m, m.decodeItems(binary.BigEndian.Uint32(b[name:]), b[name+4:])
}

// decodeItems reads the list and checks it against the head.
func (m *Message) decodeItems(count uint32, b []byte) error {
	if count > maxItems {
		return fmt.Errorf("half-open list of %d items: at most %d", count, maxItems)
	}
	for range count {
		it, rest, err := decodeItem(b)
		if err != nil {
			return err
		}
		m.Items, b = append(m.Items, it), rest
	}
	if m.From > m.Seq || !m.Whole && m.Seq-m.From != uint64(count) {
		return fmt.Errorf("half-open list from %d to %d with %d items", m.From, m.Seq, count)
	}
	return nil
}

// decodeItem reads one item off the front of b.
func decodeItem(b []byte) (Item, []byte, error) {
	if len(b) == 0 {
		return Item{}, nil, errTruncated
	}
	flags, size := b[0], 4
	if flags&^(flagDone|flagIPv6) != 0 {
		return Item{}, nil, fmt.Errorf("half-open list: unknown flags %#x", flags)
	}
	if flags&flagIPv6 != 0 {
		size = 16
	}
	if b = b[1:]; len(b) < 2*(size+2) {
		return Item{}, nil, errTruncated
	}
	it := Item{Done: flags&flagDone != 0}
	for _, a := range []*netip.AddrPort{&it.Tuple.Client, &it.Tuple.Server} {
		addr, _ := netip.AddrFromSlice(b[:size]) // 4 or 16 bytes: never fails
		*a = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[size:]))
		b = b[size+2:]
	}
	return it, b, nil
}
