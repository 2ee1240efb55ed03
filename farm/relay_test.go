package farm

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/pipeline"
	"thresher/xsk"
)

// relaying is a handler of a node with a VIP in mode directed, whose frames to others
// the test reads. With ThisNode or AllNodes, the buckets are its own.
func relaying(t *testing.T, owner uint8) (*judged, int) {
	t.Helper()
	j := newJudged(t)
	vip := queueVIP
	vip.Mode, vip.MAC = config.Directed, config.MAC{}
	rules, err := pipeline.Compile([]config.VIP{vip}, []config.Rule{
		{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}}, Affinity: config.Session},
	}, config.HashKey{Function: config.Multilinear, Secret: [16]byte{1}}, kernelNIC)
	if err != nil {
		t.Fatal(err)
	}
	part := &pipeline.Part{Owners: &pipeline.Owners{}}
	for b := range part.Owners {
		part.Owners[b] = owner
		part.Mine.Set(uint16(b))
	}
	j.tables.Store(pipeline.NewTable(rules, &pipeline.Share{Rules: []*pipeline.Part{part}, Echo: part, Nodes: otherNodes}))
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	j.relay = &relay{port: xsk.NewPort(fds[0])}
	t.Cleanup(func() { unix.Close(fds[1]); j.relay.port.Close() })
	j.Begin()
	return j, fds[1]
}

// directedBatch is a SYN to this node.
func directedBatch(t *testing.T) *xsk.Batch {
	b := synBatch(t, 1000)
	copy(b.Frames[0], kernelNIC[:])
	return b
}

// sent reads what went out.
func sent(fd int) (frames [][]byte) {
	for {
		b := make([]byte, 2048)
		n, err := unix.Read(fd, b)
		if err != nil {
			return frames
		}
		frames = append(frames, b[:n])
	}
}

func TestHandlerForwards(t *testing.T) {
	j, out := relaying(t, 1)
	b := directedBatch(t)
	want := bytes.Clone(b.Frames[0])
	copy(want, otherNodes[1][:])
	copy(want[6:], kernelNIC[:])
	j.Handle(b)
	if got := sent(out); len(got) != 1 || !bytes.Equal(got[0], want) {
		t.Errorf("sent %x, want %x", got, want)
	}
	if b.Pass[0] {
		t.Error("it went to the stack, too")
	}
}

func TestHandlerCopiesToAllAndJudgesItsOwn(t *testing.T) {
	j, out := relaying(t, pipeline.AllNodes)
	b := directedBatch(t)
	j.Handle(b)
	got := sent(out)
	if len(got) != len(otherNodes) {
		t.Fatalf("%d copies, want %d", len(got), len(otherNodes))
	}
	for i, frame := range got {
		if config.MAC(frame[:6]) != otherNodes[i] || config.MAC(frame[6:12]) != kernelNIC || !bytes.Equal(frame[12:], b.Frames[0][12:]) {
			t.Errorf("copy %d is %x", i, frame)
		}
	}
	if !b.Pass[0] || config.MAC(b.Frames[0][:6]) != kernelNIC {
		t.Errorf("its own: passed %v, to %x", b.Pass[0], b.Frames[0][:6])
	}
	// The handler judges what was handed on once more without copies.
	j.Handle(b)
	if again := sent(out); len(again) != 0 {
		t.Errorf("%d copies of a copy", len(again))
	}
	var sum [pipeline.ReasonLen]uint64
	j.relay.counters.AddTo(&sum)
	if sum[pipeline.Copied] != 1 {
		t.Errorf("%d counted as copied, want 1", sum[pipeline.Copied])
	}
}

func TestRelayAllocatesNothing(t *testing.T) {
	for _, owner := range []uint8{1, pipeline.AllNodes} {
		j, out := relaying(t, owner)
		b := directedBatch(t)
		client := bytes.Clone(b.Frames[0])
		buf := make([]byte, 2048)
		if n := testing.AllocsPerRun(100, func() {
			copy(b.Frames[0], client)
			j.Handle(b)
			for range otherNodes {
				_, _ = unix.Read(out, buf)
			}
		}); n != 0 {
			t.Errorf("owner %d: %v allocations", owner, n)
		}
	}
}

func TestPortCountsWhatItLoses(t *testing.T) {
	j, out := relaying(t, 1)
	if err := unix.Shutdown(out, unix.SHUT_RD); err != nil {
		t.Fatal(err)
	}
	j.relay.port.Send([]byte("frame"))
	if got := j.relay.port.Lost(); got != 1 {
		t.Errorf("%d lost, want 1", got)
	}
}
