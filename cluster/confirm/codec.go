package confirm

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Bounds of a heartbeat on the wire. The longest, sealed, is 1,482 bytes and
// fits an Ethernet frame of 1,500.
const (
	// MaxName is the longest name of a node, in bytes.
	MaxName = 63
	// MaxMeta is the longest meta, in bytes: 256 rules' weights and a digest.
	MaxMeta = 320
	// MaxEchoes is how many peers one heartbeat speaks of: the 31 others of the
	// largest farm, and some that have gone.
	MaxEchoes = 36
	// MaxWire is the longest encoding that Decode looks at: what later releases
	// may append is in it.
	MaxWire = 1500
)

// wireVersion is the first byte of a heartbeat. A release that only appends
// fields keeps it, and Decode ignores what it does not know at the end, so that
// neighbouring releases understand each other. Another number is another
// protocol, and refused.
const wireVersion = 1

// Append encodes the heartbeat onto b. All integers are big-endian:
//
//	version 1 | phase 1 | lease in microseconds 4 | boot 8 | seq 8 | stated 8 | target 8
//	release 8
//	name: length 1, bytes | meta: length 2, bytes | echoes: count 1, then for each
//	    peer 8 | boot 8 | seq 8 | heard less seq 4
//
// It returns an error, and b as it was, if the heartbeat is not one that Decode
// would accept.
func (hb *Heartbeat) Append(b []byte) ([]byte, error) {
	if err := hb.validate(); err != nil {
		return b, fmt.Errorf("heartbeat of %q: %w", hb.Name, err)
	}
	w := writer(b)
	w.u8(wireVersion)
	w.u8(uint8(hb.Phase))
	w.u32(uint32(hb.Lease / time.Microsecond))
	w.u64(hb.Boot)
	w.u64(hb.Seq)
	w.u64(uint64(hb.Stated))
	w.u64(uint64(hb.Target))
	w.u64(hb.Release)
	w.short(hb.Name)
	w.long(hb.Meta)
	w.u8(uint8(len(hb.Echoes)))
	for _, e := range hb.Echoes {
		w.u64(uint64(e.Peer))
		w.u64(e.Boot)
		w.u64(e.Seq)
		w.u32(uint32(min(e.Heard-e.Seq, math.MaxUint32)))
	}
	return w, nil
}

// Decode reads a heartbeat. It accepts nothing that Append does not write, but
// for further bytes at the end, and nothing in the result aliases b.
func Decode(b []byte) (*Heartbeat, error) {
	if len(b) > MaxWire {
		return nil, fmt.Errorf("heartbeat of %d bytes: at most %d", len(b), MaxWire)
	}
	r := reader{b: b}
	if v := r.u8(); r.err == nil && v != wireVersion {
		return nil, fmt.Errorf("heartbeat of version %d: this release speaks version %d", v, wireVersion)
	}
	hb := &Heartbeat{Phase: Phase(r.u8()), Lease: time.Duration(r.u32()) * time.Microsecond}
	hb.Boot, hb.Seq = r.u64(), r.u64()
	hb.Stated, hb.Target = ViewID(r.u64()), ViewID(r.u64())
	hb.Release = r.u64()
	hb.Name, hb.Meta = r.short(), r.long()
	hb.Echoes = r.echoes()
	if r.err != nil {
		return nil, fmt.Errorf("heartbeat: %w", r.err)
	}
	if err := hb.validate(); err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	return hb, nil
}

// echoes reads the list of echoes.
func (r *reader) echoes() []Echo {
	n := int(r.u8())
	if n == 0 || n > MaxEchoes {
		if n > MaxEchoes && r.err == nil {
			r.err = fmt.Errorf("%d echoes: at most %d", n, MaxEchoes)
		}
		return nil
	}
	echoes := make([]Echo, n)
	for i := range echoes {
		e := &echoes[i]
		e.Peer, e.Boot, e.Seq = PeerID(r.u64()), r.u64(), r.u64()
		e.Heard = e.Seq + uint64(r.u32())
	}
	return echoes
}

// validate checks everything about a heartbeat that does not depend on others.
func (hb *Heartbeat) validate() error {
	switch {
	case hb.Name == "" || len(hb.Name) > MaxName:
		return fmt.Errorf("name of %d bytes: must have 1 to %d", len(hb.Name), MaxName)
	case len(hb.Meta) > MaxMeta:
		return fmt.Errorf("meta of %d bytes: at most %d", len(hb.Meta), MaxMeta)
	case hb.Phase < Starting || hb.Phase > Leaving:
		return fmt.Errorf("phase %d: unknown", hb.Phase)
	case hb.Lease < time.Microsecond || hb.Lease > MaxLease:
		return fmt.Errorf("lease %v: must be up to %v", hb.Lease, MaxLease)
	case hb.Boot == 0 || hb.Boot == math.MaxUint64 || hb.Seq == 0 || hb.Seq == math.MaxUint64:
		return errors.New("boot or seq out of range")
	case hb.Phase != Up && (hb.Stated != 0 || hb.Target != 0):
		return fmt.Errorf("a view stated or headed for while %v", hb.Phase)
	case len(hb.Echoes) > MaxEchoes:
		return fmt.Errorf("%d echoes: at most %d", len(hb.Echoes), MaxEchoes)
	}
	return validateEchoes(hb.Echoes)
}

// validateEchoes checks that no peer is spoken of twice, nor as having said less
// than is answered for.
func validateEchoes(echoes []Echo) error {
	for i, e := range echoes {
		if e.Boot == 0 || e.Heard < e.Seq {
			return errors.New("echo out of range")
		}
		for _, o := range echoes[:i] {
			if o.Peer == e.Peer {
				return errors.New("two echoes of one peer")
			}
		}
	}
	return nil
}
