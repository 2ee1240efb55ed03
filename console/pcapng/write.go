package pcapng

import (
	"encoding/binary"
	"io"
	"time"
)

// Writer writes a stream, each block at one stroke. It belongs to one goroutine.
type Writer struct {
	w   io.Writer
	buf []byte
}

// Packet is an Ethernet frame.
type Packet struct {
	Time time.Time
	// Data is what there is of the frame, Length how long it was.
	Data    []byte
	Length  int
	Comment string
}

// Statistics say what a capture is of.
type Statistics struct {
	// Copied packets are in the stream, Lost ones should have been.
	Copied, Lost uint64
	Comment      string
}

// NewWriter begins a stream of packets that an interface has received, cut to snap
// bytes each, by a program of that name.
func NewWriter(w io.Writer, program, ifname string, snap int) (*Writer, error) {
	b := begin(nil, sectionHeader)
	b = binary.LittleEndian.AppendUint32(b, byteOrder)
	b = binary.LittleEndian.AppendUint16(b, 1) // version 1.0
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, unknownLength)
	b = end(lastOption(option(b, optionProgram, program)), 0)

	at := len(b)
	b = begin(b, interfaceOf)
	b = binary.LittleEndian.AppendUint16(b, linkEthernet)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(snap))
	b = option(b, optionName, ifname)
	b = end(lastOption(option(b, optionUnit, []byte{nanoseconds})), at)
	_, err := w.Write(b)
	return &Writer{w: w, buf: b}, err
}

// Packet writes a packet.
func (w *Writer) Packet(p Packet) error {
	b := begin(w.buf[:0], enhanced)
	b = stamp(binary.LittleEndian.AppendUint32(b, 0), p.Time)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Length))
	b = pad(append(b, p.Data...))
	if p.Comment != "" {
		b = lastOption(option(b, optionComment, p.Comment))
	}
	return w.write(b)
}

// Statistics writes what there is to say so far. A later one takes its place.
func (w *Writer) Statistics(s Statistics, now time.Time) error {
	b := begin(w.buf[:0], statistics)
	b = stamp(binary.LittleEndian.AppendUint32(b, 0), now)
	b = number(number(b, optionDropped, s.Lost), optionHanded, s.Copied)
	if s.Comment != "" {
		b = option(b, optionComment, s.Comment)
	}
	return w.write(lastOption(b))
}

// stamp is a time, its upper half first.
func stamp(b []byte, t time.Time) []byte {
	ns := uint64(t.UnixNano())
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, uint32(ns>>32)), uint32(ns))
}

func (w *Writer) write(b []byte) error {
	w.buf = end(b, 0)
	_, err := w.w.Write(w.buf)
	return err
}
