package segment

import (
	"slices"

	"golang.org/x/net/bpf"

	"thresher/cluster/confirm"
)

// class is what a socket is for. Frames that nobody of the farm can have sealed are
// in none, and cost the kernel program of a filter alone.
type class uint8

const (
	// renewals and news are those frames, and all others, of known processes.
	renewals class = iota
	news
	// strangers are all frames of processes that have not proved to be members'.
	// They have a socket of their own, so that however many are forged, none of a
	// member's is lost for want of room.
	strangers
)

// maxRead bounds how many frames Receive reads: more than wait in the socket
// (receiveBuffer, which the kernel doubles, at 768 bytes a frame at least), so that all
// that waited is read, and what comes meanwhile without an end is not. Of strangers they
// are fewer, since most of them are none of ours.
func (c class) maxRead() int {
	if c == strangers {
		return 1024
	}
	return 4096
}

// Offsets in a frame, in bytes.
const (
	sealedAt = headerLen + kindLen
	saltAt   = sealedAt + confirm.SaltOffset
)

// filter is a classic BPF program that lets in the frames of a class. Of the salts it
// compares the first four bytes: who makes salts up meets one of 32 nodes' in one of
// 100 million frames.
func (c class) filter(known []uint32) []bpf.Instruction {
	accept := bpf.RetConstant{Val: sealedAt + confirm.MaxSealed + 1}
	unknown := bpf.RetConstant{}
	if c == strangers {
		unknown = accept
	}
	program := slices.Concat(
		[]bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtLen}}, require(bpf.JumpGreaterOrEqual, sealedAt+confirm.MinSealed),
		require(bpf.JumpLessOrEqual, sealedAt+confirm.MaxSealed),
		[]bpf.Instruction{bpf.LoadAbsolute{Off: 12, Size: 2}}, require(bpf.JumpEqual, EtherType),
		[]bpf.Instruction{bpf.LoadAbsolute{Off: sealedAt, Size: 1}}, require(bpf.JumpEqual, confirm.Version),
		[]bpf.Instruction{bpf.LoadAbsolute{Off: saltAt, Size: 4}},
	)
	for i, salt := range known {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: salt, SkipTrue: uint8(len(known) - i)})
	}
	program = append(program, unknown, bpf.LoadAbsolute{Off: headerLen, Size: kindLen})
	switch c {
	case renewals:
		program = append(program, require(bpf.JumpEqual, uint32(Renewal))...)
	case news:
		program = append(program, require(bpf.JumpNotEqual, uint32(Renewal))...)
	case strangers:
		return append(program, bpf.RetConstant{})
	}
	return append(program, accept)
}

// require lets in nothing for which the condition does not hold.
func require(condition bpf.JumpTest, value uint32) []bpf.Instruction {
	return []bpf.Instruction{bpf.JumpIf{Cond: condition, Val: value, SkipTrue: 1}, bpf.RetConstant{}}
}
