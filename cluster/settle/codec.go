package settle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"thresher/cluster/confirm"
)

// Bounds of a report on the wire.
const (
	// MaxRules is how many rules a report speaks of, as many as a farm has.
	MaxRules = 256
	// MaxWire is the longest encoding: 64 rules with a whole bitmap each, and the
	// head of every rule.
	MaxWire = maxBits + 8<<10
	maxBits = 64 * bitmapSize
	maxName = 255
)

const (
	bitmapSize = Buckets / 8
	// maxList is the longest list of bucket numbers: longer ones are shorter as
	// a bitmap.
	maxList = bitmapSize/2 - 1
)

// reportVersion is the first byte. A release that only appends fields keeps it.
const reportVersion = 1

// flagAnswer is Report.Answer; the other flags must be 0.
const flagAnswer = 1

// How the buckets of a rule are written.
const (
	formNone   = iota // nothing follows
	formList          // count 2, then 2 each, rising
	formBitmap        // 8,192 bytes, bucket i in bit i%64 of big-endian word i/64
	formAll           // nothing follows
)

var errTruncated = errors.New("report: truncated")

// Append encodes the report onto b, big-endian:
//
//	version 1 | flags 1 | boot 8 | seq 8 | view 8 | release 8 | echoed boot 8, seq 8 | name: length 1, bytes
//	rules: count 2, then for each id 8 | form 1 | buckets as the form says
//
// Beyond 64 whole bitmaps, rules are said to have flows in every bucket. That
// settles buckets later than need be, and none too early. On an error b comes
// back as it was.
func (r *Report) Append(b []byte) ([]byte, error) {
	if err := r.validate(); err != nil {
		return b, fmt.Errorf("report of %q: %w", r.Name, err)
	}
	flags := byte(0)
	if r.Answer {
		flags |= flagAnswer
	}
	out := append(b, reportVersion, flags)
	for _, v := range []uint64{r.Boot, r.Seq, uint64(r.View), r.Release, r.EchoBoot, r.EchoSeq} {
		out = binary.BigEndian.AppendUint64(out, v)
	}
	out = append(append(out, byte(len(r.Name))), r.Name...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(r.Rules)))
	left := maxBits
	for _, rule := range r.Rules {
		out = binary.BigEndian.AppendUint64(out, uint64(rule))
		out = appendBuckets(out, r.Flows.Of(rule), &left)
	}
	return out, nil
}

// appendBuckets writes one rule's buckets in the shortest form, in no more than
// left bytes, which it lessens.
func appendBuckets(out []byte, flows *confirm.Bitmap, left *int) []byte {
	n := 0
	if flows != nil {
		n = flows.Len()
	}
	switch size := min(2+2*n, bitmapSize); {
	case n == 0:
		return append(out, formNone)
	case n == Buckets || size > *left:
		return append(out, formAll)
	default:
		*left -= size
	}
	if n > maxList {
		return appendBitmap(append(out, formBitmap), flows)
	}
	out = binary.BigEndian.AppendUint16(append(out, formList), uint16(n))
	for i, w := range flows.Words() {
		for ; w != 0; w &= w - 1 {
			out = binary.BigEndian.AppendUint16(out, uint16(64*i+bits.TrailingZeros64(w)))
		}
	}
	return out
}

// appendBitmap writes all the words, also those that a short bitmap lacks.
func appendBitmap(out []byte, b *confirm.Bitmap) []byte {
	words := b.Words()
	for i := range Buckets / 64 {
		w := uint64(0)
		if i < len(words) {
			w = words[i]
		}
		out = binary.BigEndian.AppendUint64(out, w)
	}
	return out
}

// Decode reads a report. Further bytes at the end are a later release's. Nothing
// in the result aliases b.
func Decode(b []byte) (*Report, error) {
	const head = 2 + 6*8 + 1
	switch {
	case len(b) > MaxWire:
		return nil, fmt.Errorf("report of %d bytes: at most %d", len(b), MaxWire)
	case len(b) < head:
		return nil, errTruncated
	case b[0] != reportVersion:
		return nil, fmt.Errorf("report of version %d: this release speaks version %d", b[0], reportVersion)
	case b[1]&^flagAnswer != 0:
		return nil, fmt.Errorf("report: unknown flags %#x", b[1])
	}
	u64 := func(i int) uint64 { return binary.BigEndian.Uint64(b[2+8*i:]) }
	r := &Report{
		Answer: b[1]&flagAnswer != 0,
		Boot:   u64(0), Seq: u64(1), View: confirm.ViewID(u64(2)), Release: u64(3),
		EchoBoot: u64(4), EchoSeq: u64(5),
	}
	name := int(b[head-1])
	if b = b[head:]; len(b) < name+2 {
		return nil, errTruncated
	}
	r.Name = string(b[:name])
	if err := r.decodeRules(int(binary.BigEndian.Uint16(b[name:])), b[name+2:]); err != nil {
		return nil, err
	}
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("report of %q: %w", r.Name, err)
	}
	return r, nil
}

// decodeRules reads the rules and their buckets. A count that the bytes cannot
// hold ends it before much memory is used.
func (r *Report) decodeRules(count int, b []byte) error {
	if count > MaxRules {
		return fmt.Errorf("report of %d rules: at most %d", count, MaxRules)
	}
	flows := make(map[confirm.RuleID]*confirm.Bitmap)
	var full *confirm.Bitmap // made once at most: 256 would be work for a forger to ask for
	for range count {
		if len(b) < 9 {
			return errTruncated
		}
		rule := confirm.RuleID(binary.BigEndian.Uint64(b))
		bits, rest, err := decodeBuckets(b[8], b[9:])
		if err != nil {
			return err
		}
		if b[8] == formAll {
			if full == nil {
				full = fullBitmap()
			}
			bits = full
		}
		r.Rules = append(r.Rules, rule)
		if bits != nil {
			flows[rule] = bits
		}
		b = rest
	}
	r.Flows = confirm.BucketsOf(flows)
	return nil
}

// decodeBuckets reads one rule's buckets off the front of b; nil is none, or all.
func decodeBuckets(form byte, b []byte) (*confirm.Bitmap, []byte, error) {
	switch form {
	case formNone, formAll:
		return nil, b, nil
	case formList:
		return decodeList(b)
	case formBitmap:
		if len(b) < bitmapSize {
			return nil, nil, errTruncated
		}
		return decodeBitmap(b[:bitmapSize]), b[bitmapSize:], nil
	}
	return nil, nil, fmt.Errorf("report: unknown form %d", form)
}

// decodeList reads bucket numbers, which must rise.
func decodeList(b []byte) (*confirm.Bitmap, []byte, error) {
	if len(b) < 2 {
		return nil, nil, errTruncated
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < 2*n {
		return nil, nil, errTruncated
	}
	if n == 0 || n > maxList {
		return nil, nil, fmt.Errorf("report: list of %d buckets: must have 1 to %d", n, maxList)
	}
	out, last := confirm.NewBitmap(Buckets), -1
	for i := range n {
		bucket := int(binary.BigEndian.Uint16(b[2*i:]))
		if bucket <= last {
			return nil, nil, errors.New("report: bucket numbers do not rise")
		}
		out.Set(bucket)
		last = bucket
	}
	return out, b[2*n:], nil
}

func decodeBitmap(b []byte) *confirm.Bitmap {
	out := confirm.NewBitmap(Buckets)
	for i := range Buckets / 64 {
		for w := binary.BigEndian.Uint64(b[8*i:]); w != 0; w &= w - 1 {
			out.Set(64*i + bits.TrailingZeros64(w))
		}
	}
	return out
}

// validate checks everything about a report that does not depend on others.
func (r *Report) validate() error {
	switch {
	case r.Name == "" || len(r.Name) > maxName:
		return fmt.Errorf("name of %d bytes: must have 1 to %d", len(r.Name), maxName)
	case r.Boot == 0 || r.Seq == 0:
		return errors.New("no boot or seq")
	case len(r.Rules) > MaxRules:
		return fmt.Errorf("%d rules: at most %d", len(r.Rules), MaxRules)
	}
	for i, rule := range r.Rules {
		if i > 0 && rule <= r.Rules[i-1] {
			return errors.New("rules are not sorted")
		}
	}
	for rule := range r.Flows.Rules() {
		if _, known := slices.BinarySearch(r.Rules, rule); !known {
			return fmt.Errorf("flows in rule %#x, which is not among the rules", uint64(rule))
		}
	}
	return nil
}
