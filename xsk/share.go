package xsk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// BucketSet is a set of a rule's 65,536 buckets: bucket b is bit b%64 of word
// b/64.
type BucketSet [1 << 16 / 64]uint64

// Share is which buckets are this node's.
type Share struct {
	// Sets are the distinct bucket sets; at most Rules.MaxSets.
	Sets []BucketSet
	// SetOfRule is the index into Sets of each rule, by its number.
	SetOfRule []uint16
	// SetOfEcho is that of ICMP echo.
	SetOfEcho uint16
}

// The layout of struct share (xsk/bpf/share.h), in bytes.
const (
	shareRules  = 256 + 4 // places in set_of_rule
	shareEcho   = 256     // the place of ICMP echo
	shareHeader = shareRules * 2
	setBytes    = 1 << 16 / 8
)

// shareMaps are the two maps that take turns as the program's share: one is
// read, the other is written.
type shareMaps struct {
	spec  *ebpf.MapSpec
	maps  [2]*ebpf.Map
	next  int
	value []byte // scratch
}

// newShareMaps sizes the program's share for so many sets. Its own type has none,
// since their number is the configuration's.
func newShareMaps(spec *ebpf.CollectionSpec, sets int) shareMaps {
	inner := spec.Maps[bpfMapShares].InnerMap
	inner.ValueSize = shareHeader + uint32(sets)*setBytes
	return shareMaps{spec: inner.Copy(), value: make([]byte, inner.ValueSize)}
}

// SetShare makes the program judge by a share, at one stroke; nil serves
// nothing. When it returns, no packet is judged by the old one any more: the
// kernel waits for running programs when a map in a map is replaced
// (maybe_wait_bpf_programs, kernel/bpf/syscall.c). One goroutine at a time.
func (p *Program) SetShare(s *Share) error {
	if s == nil {
		if err := p.objects.Shares.Delete(uint32(0)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("take this node's share from the XDP program: %w", err)
		}
		return nil
	}
	spare, err := p.shares.write(s)
	if err != nil {
		return fmt.Errorf("write this node's share for the XDP program: %w", err)
	}
	if err := p.objects.Shares.Put(uint32(0), spare); err != nil {
		return fmt.Errorf("give the XDP program this node's share: %w", err)
	}
	return nil
}

// write fills the map that is not read, and returns it.
func (m *shareMaps) write(s *Share) (*ebpf.Map, error) {
	if err := m.encode(s); err != nil {
		return nil, err
	}
	m.next = 1 - m.next
	spare := &m.maps[m.next]
	if *spare == nil {
		var err error
		if *spare, err = ebpf.NewMap(m.spec); err != nil {
			return nil, err
		}
	}
	return *spare, (*spare).Put(uint32(0), m.value)
}

func (m *shareMaps) encode(s *Share) error {
	if len(s.SetOfRule) > shareEcho || shareHeader+len(s.Sets)*setBytes > len(m.value) {
		return fmt.Errorf("%d rules with %d sets do not fit", len(s.SetOfRule), len(s.Sets))
	}
	for i, set := range s.SetOfRule {
		binary.NativeEndian.PutUint16(m.value[2*i:], set)
	}
	binary.NativeEndian.PutUint16(m.value[2*shareEcho:], s.SetOfEcho)
	sets := m.value[shareHeader:shareHeader]
	for i := range s.Sets {
		for _, word := range s.Sets[i] {
			sets = binary.NativeEndian.AppendUint64(sets, word)
		}
	}
	return nil
}

func (m *shareMaps) close() error {
	var errs []error
	for _, shares := range m.maps {
		if shares != nil {
			errs = append(errs, shares.Close())
		}
	}
	return errors.Join(errs...)
}
