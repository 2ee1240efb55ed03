package confirm

import (
	"encoding/binary"
	"errors"
)

// errShort says that bytes ended in the middle of a field.
var errShort = errors.New("truncated")

// writer appends fields in big-endian byte order.
type writer []byte

func (w *writer) u8(v uint8)   { *w = append(*w, v) }
func (w *writer) u16(v uint16) { *w = binary.BigEndian.AppendUint16(*w, v) }
func (w *writer) u32(v uint32) { *w = binary.BigEndian.AppendUint32(*w, v) }
func (w *writer) u64(v uint64) { *w = binary.BigEndian.AppendUint64(*w, v) }
func (w *writer) time(t Time)  { w.u64(uint64(t)) }

func (w *writer) bool(v bool) {
	if v {
		w.u8(1)
	} else {
		w.u8(0)
	}
}

// short writes a string of at most 255 bytes, long one of at most 65,535.
func (w *writer) short(s string) {
	w.u8(uint8(len(s)))
	*w = append(*w, s...)
}

func (w *writer) long(s string) {
	w.u16(uint16(len(s)))
	*w = append(*w, s...)
}

// reader takes fields off the front of bytes. After the first that is not whole
// it only returns zeros, and err says so.
type reader struct {
	b   []byte
	err error
}

// take returns the next n bytes, which alias the input.
func (r *reader) take(n int) []byte {
	if r.err != nil || len(r.b) < n {
		r.b, r.err = nil, errShort
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if p := r.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

func (r *reader) time() Time    { return Time(r.u64()) }
func (r *reader) bool() bool    { return r.u8() != 0 }
func (r *reader) short() string { return string(r.take(int(r.u8()))) }
func (r *reader) long() string  { return string(r.take(int(r.u16()))) }
