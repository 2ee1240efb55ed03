// Package pcapng writes packets with comments as a pcapng stream, and reads such a
// stream block by block. It has what a capture needs and no more: one section, one
// interface, times in nanoseconds. Source: IETF draft-ietf-opsawg-pcapng-03.
//
// A stream may be cut off behind any block: what came before can be read.
package pcapng

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The types of blocks, and the options of each that are written here.
const (
	sectionHeader = 0x0a0d0d0a // 4.1
	interfaceOf   = 1          // 4.2
	enhanced      = 6          // 4.3
	statistics    = 5          // 4.6

	optionEnd     = 0
	optionComment = 1
	optionProgram = 4 // shb_userappl
	optionName    = 2 // if_name
	optionUnit    = 9 // if_tsresol
	optionDropped = 7 // isb_osdrop
	optionHanded  = 8 // isb_usrdeliv
)

const (
	byteOrder     = 0x1a2b3c4d
	linkEthernet  = 1
	nanoseconds   = 9 // ten to the power of minus that
	unknownLength = ^uint64(0)
	blockEnds     = 12 // bytes of a block besides its body: type, and its length twice
)

// MaxBlock is the length of the longest block that is read, in bytes.
const MaxBlock = 1 << 20

// begin begins a block, and end ends the one that begins at an offset.
func begin(b []byte, kind uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, kind), 0)
}

func end(b []byte, at int) []byte {
	length := uint32(len(b) - at + 4)
	binary.LittleEndian.PutUint32(b[at+4:], length)
	return binary.LittleEndian.AppendUint32(b, length)
}

// pad fills up to a multiple of four bytes.
func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

func option[T string | []byte](b []byte, code uint16, value T) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

func number(b []byte, code uint16, n uint64) []byte {
	return option(b, code, binary.LittleEndian.AppendUint64(nil, n))
}

func lastOption(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, optionEnd) }

// Block is one whole block as it stands in the stream.
type Block []byte

func (b Block) kind() uint32 { return binary.LittleEndian.Uint32(b) }

// IsPacket tells whether the block is a packet.
func (b Block) IsPacket() bool { return b.kind() == enhanced }

// ErrNoStream is a stream that is no pcapng, or no longer.
var ErrNoStream = errors.New("this is no pcapng stream")

// ReadBlock reads the next block into buf, if that is long enough, and returns it.
// The error is io.EOF between two blocks, and io.ErrUnexpectedEOF within one.
func ReadBlock(r io.Reader, buf []byte) (Block, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(head[4:])
	if length < blockEnds || length > MaxBlock || length%4 != 0 {
		return nil, fmt.Errorf("%w: a block says to have %d bytes", ErrNoStream, length)
	}
	if int(length) > cap(buf) {
		buf = make([]byte, length)
	}
	b := Block(buf[:length])
	copy(b, head[:])
	if _, err := io.ReadFull(r, b[len(head):]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if last := binary.LittleEndian.Uint32(b[length-4:]); last != length {
		return nil, fmt.Errorf("%w: a block has %d bytes at its beginning and %d at its end", ErrNoStream, length, last)
	}
	return b, nil
}

// Statistics are those in a block; ok is false if it has none.
func (b Block) Statistics() (s Statistics, ok bool) {
	const body = 8 + 4 + 8 // interface and time
	if b.kind() != statistics || len(b) < body+4 {
		return s, false
	}
	for o := b[body : len(b)-4]; len(o) >= 4; {
		code, length := binary.LittleEndian.Uint16(o), int(binary.LittleEndian.Uint16(o[2:]))
		padded := 4 + (length+3)&^3
		if code == optionEnd || padded > len(o) {
			break
		}
		value := o[4 : 4+length]
		switch {
		case code == optionDropped && length == 8:
			s.Lost = binary.LittleEndian.Uint64(value)
		case code == optionHanded && length == 8:
			s.Copied = binary.LittleEndian.Uint64(value)
		case code == optionComment:
			s.Comment = string(value)
		}
		o = o[padded:]
	}
	return s, true
}
