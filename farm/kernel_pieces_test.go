package farm

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"thresher/config"
	"thresher/pipeline"
	"thresher/xsk"
)

// TestProgramDecidesWhatNoSocketTakes: of what is too long for a socket the program
// asks nobody, at no offload level, and decides as at offload full.
func TestProgramDecidesWhatNoSocketTakes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(31, 32))
	for _, offload := range []config.Offload{config.OffloadNone, config.OffloadReject, config.OffloadFull} {
		vips, rules := randomFarm(random, 3, 20)
		vips[0].Mode, vips[0].MAC = config.Directed, kernelNIC
		k := newKernel(t, offload, vips, rules, randomShare(random, len(rules)), func(r *xsk.Rules) { r.SocketFrame = 1 })
		k.offload, k.tooLong = config.OffloadFull, true
		source := newFrameSource(t, random.Uint64(), vips, rules, kernelNIC)
		for _, good := range []bool{true, false} {
			k.lease(good)
			if err := k.search(source, 20_000); err != nil {
				t.Errorf("offload %s, lease good %v: %v", offload, good, err)
			}
		}
		if k.met[pipeline.TooLong] == 0 || k.met[pipeline.AcceptedKnown] == 0 {
			t.Errorf("offload %s: met %v", offload, k.met)
		}
	}
}

// TestProgramDecidesOnFramesInPieces: of a long frame the program sees the first
// piece, and comes to the same as the pipeline of the whole frame.
func TestProgramDecidesOnFramesInPieces(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(33, 34))
	for _, offload := range []config.Offload{config.OffloadNone, config.OffloadReject, config.OffloadFull} {
		vips, rules := randomFarm(random, 3, 20)
		k := newKernel(t, offload, vips, rules, randomShare(random, len(rules)), func(r *xsk.Rules) {
			r.Pieces, r.SocketFrame = 1, uint32(xsk.MemoryFor(9000).Longest())
		})
		k.out = make([]byte, 1<<14)
		source := newFrameSource(t, random.Uint64(), vips, rules, kernelNIC)
		buf := make([]byte, 0, 1<<14)
		for n := 0; n < 10_000; {
			length := []int{0, 1500, 9000}[random.IntN(3)]
			frame := lengthened(source.next(buf), length)
			if len(frame) < 14 {
				continue
			}
			k.tooLong = len(frame) > 4096 // and so in pieces
			k.offload = offload
			if k.tooLong {
				k.offload = config.OffloadFull
			}
			if err := k.differs(frame); err != nil {
				t.Fatalf("offload %s, frame of %d bytes: %.400v", offload, len(frame), err)
			}
			n++
		}
		if err := k.counted(); err != nil {
			t.Errorf("offload %s: %v", offload, err)
		}
		if k.met[pipeline.TooLong] == 0 || k.met[pipeline.Accepted] == 0 || k.met6[pipeline.Accepted] == 0 {
			t.Errorf("offload %s: met %v, %v of IPv6", offload, k.met, k.met6)
		}
	}
}

// lengthened is a frame whose packet is long, and says so; another one than an
// untagged one of IP stays as it is.
func lengthened(frame []byte, length int) []byte {
	if len(frame) >= length || len(frame) < 14+40 {
		return frame
	}
	longer := append(frame, make([]byte, length-len(frame))...)
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		binary.BigEndian.PutUint16(longer[14+2:], uint16(length-14))
	case 0x86dd:
		binary.BigEndian.PutUint16(longer[14+4:], uint16(length-14-40))
	default:
		return frame
	}
	return longer
}
