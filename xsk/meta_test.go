package xsk

import (
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

const (
	marked     = 'm' // the first byte of a datagram that gets metadata
	metaMark   = 0x1122334455667788
	payloadPos = 14 + 20 + 8
)

// markProgram writes metadata before marked datagrams only, and hands every frame
// to the socket of its queue.
func markProgram(t *testing.T, sockets *ebpf.Map) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "Dual BSD/GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R1, asm.R6, 0, asm.Word), // xdp_md.data
		asm.LoadMem(asm.R2, asm.R6, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R3, asm.R1),
		asm.Add.Imm(asm.R3, payloadPos+1),
		asm.JGT.Reg(asm.R3, asm.R2, "redirect"),
		asm.LoadMem(asm.R1, asm.R1, payloadPos, asm.Byte),
		asm.JNE.Imm(asm.R1, marked, "redirect"),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, -metaLen),
		asm.FnXdpAdjustMeta.Call(),
		asm.JNE.Imm(asm.R0, 0, "redirect"),
		asm.LoadMem(asm.R1, asm.R6, 8, asm.Word), // data_meta
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R1),
		asm.Add.Imm(asm.R3, metaLen),
		asm.JGT.Reg(asm.R3, asm.R2, "redirect"),
		asm.LoadImm(asm.R4, metaMark, asm.DWord),
		asm.StoreMem(asm.R1, 0, asm.R4, asm.DWord),
		asm.LoadMapPtr(asm.R1, sockets.FD()).WithSymbol("redirect"),
		asm.LoadMem(asm.R2, asm.R6, 16, asm.Word), // rx_queue_index
		asm.Mov.Imm(asm.R3, xdpDrop),
		asm.FnRedirectMap.Call(),
		asm.Return(),
	}})
	must(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// metaReader compares each frame's metadata with what its text says.
type metaReader struct {
	passAll
	marked, plain, wrong atomic.Int64
}

func (m *metaReader) Handle(b *Batch) {
	for i, frame := range b.Frames {
		want, count := uint64(0), &m.plain
		if frame[payloadPos] == marked {
			want, count = metaMark, &m.marked
		}
		if count.Add(1); b.Metas[i] != want {
			m.wrong.Add(1)
		}
		b.Pass[i] = i%2 == 0 // frames come back both ways
	}
}

// TestMetadataIsItsPackets sends more packets than there are frames, so that each
// frame has had another packet with metadata or without before.
func TestMetadataIsItsPackets(t *testing.T) {
	for name, flags := range map[string]link.XDPAttachFlags{"native": link.XDPDriverMode, "generic": link.XDPGenericMode} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, 1)
			q := openTestQueue(t, w)
			sockets, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
			must(t, err)
			defer sockets.Close()
			must(t, sockets.Put(uint32(0), uint32(q.rx.fd())))
			l, err := link.AttachXDP(link.XDPOptions{Program: markProgram(t, sockets), Interface: w.nic.Attrs().Index, Flags: flags})
			must(t, err)
			defer l.Close()
			h := &metaReader{}
			send := w.sender(t)
			const packets, burst = 20_000, 200
			for range packets / burst {
				for i := range burst {
					if i%3 == 0 {
						send([]byte("marked"))
					} else {
						send([]byte("plain"))
					}
				}
				for n := 1; n > 0; {
					n, err = q.step(h)
					must(t, err)
				}
			}
			if m, p := h.marked.Load(), h.plain.Load(); m < packets/4 || p < packets/2 {
				t.Fatalf("%d marked and %d plain packets only", m, p)
			}
			if n := h.wrong.Load(); n > 0 {
				t.Errorf("%d of %d packets with wrong metadata", n, h.marked.Load()+h.plain.Load())
			}
		})
	}
}
