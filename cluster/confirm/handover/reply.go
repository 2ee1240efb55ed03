package handover

import (
	"encoding/binary"
	"fmt"
)

// Reply is an Echo on its way to the holder of the list.
type Reply struct {
	// Name is the node that echoes.
	Name string
	Echo Echo
}

// Append encodes the reply onto b, big-endian:
//
//	version 1 | boot 8 | seq 8 | release 8 | name: length 1, bytes
func (r Reply) Append(b []byte) ([]byte, error) {
	if len(r.Name) == 0 || len(r.Name) > 255 {
		return b, fmt.Errorf("echo of a half-open list: name of %d bytes: must have 1 to 255", len(r.Name))
	}
	b = append(b, messageVersion)
	for _, v := range []uint64{r.Echo.Boot, r.Echo.Seq, r.Echo.Release} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return append(append(b, byte(len(r.Name))), r.Name...), nil
}

// DecodeReply reads a reply. Further bytes at the end are a later release's.
func DecodeReply(b []byte) (Reply, error) {
	const head = 1 + 3*8 + 1
	if len(b) < head || len(b) < head+int(b[head-1]) || b[head-1] == 0 {
		return Reply{}, errTruncated
	}
	if b[0] != messageVersion {
		return Reply{}, fmt.Errorf("echo of a half-open list of version %d: this release speaks version %d", b[0], messageVersion)
	}
	u64 := func(i int) uint64 { return binary.BigEndian.Uint64(b[1+8*i:]) }
	return Reply{
		Name: string(b[head : head+int(b[head-1])]),
		Echo: Echo{Boot: u64(0), Seq: u64(1), Release: u64(2)},
	}, nil
}
