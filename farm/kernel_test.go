package farm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"thresher/config"
	"thresher/internal/leftout"
	"thresher/pipeline"
	"thresher/xsk"
)

const (
	xdpDrop = 1 // XDP_DROP and XDP_PASS, include/uapi/linux/bpf.h
	xdpPass = 2
)

// kernel is the real program with a table, beside the pipeline with the same.
type kernel struct {
	t       testing.TB
	program *xsk.Program
	table   *pipeline.Table
	vips    []config.VIP
	rules   []config.Rule
	offload config.Offload
	counts  [pipeline.ReasonLen]uint64 // expected of the program
	out     []byte
}

var kernelNIC = config.MAC{0x02, 0, 0, 0, 0, 0x0b}

// newKernel loads the program; change alters the rules that it gets.
func newKernel(t testing.TB, offload config.Offload, vips []config.VIP, rules []config.Rule, share *pipeline.Share, change func(*xsk.Rules)) *kernel {
	t.Helper()
	if os.Geteuid() != 0 {
		leftout.Skip(t, "needs root to load the XDP program")
	}
	compiled, err := pipeline.Compile(vips, rules, pipeline.HashKey{1, 2, 3, 4, 5, 6, 7, 8, 9}, kernelNIC)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{t: t, table: pipeline.NewTable(compiled, share), vips: vips, rules: rules, offload: offload, out: make([]byte, 2048)}
	layout := kernelRules(compiled, offload)
	change(layout)
	if k.program, err = xsk.LoadProgram(layout); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.program.Close() })
	if err := k.program.SetShare(kernelShare(k.table)); err != nil {
		t.Fatal(err)
	}
	if err := k.program.Arm(); err != nil {
		t.Fatal(err)
	}
	return k
}

// expect is the program's verdict by the pipeline's. Where the program would ask
// the pipeline, it finds no reader here, and says so.
func (k *kernel) expect(frame []byte) (action uint32, reason pipeline.Reason, rewritten bool) {
	reason = k.table.Judge(frame)
	switch {
	case reason.Verdict() == pipeline.Untouched:
		return xdpPass, reason, false
	case reason == pipeline.AcceptedNeighbour:
		return xdpPass, reason, true
	case reason == pipeline.NotVIP:
		return xdpDrop, reason, false
	case k.offload == config.OffloadNone,
		k.offload == config.OffloadReject && reason.Verdict() == pipeline.Accept:
		return xdpDrop, pipeline.NoReader, false
	case reason.Verdict() == pipeline.Accept:
		return xdpPass, reason, true
	}
	return xdpDrop, reason, false
}

// differs runs one frame through both and says where they disagree.
func (k *kernel) differs(frame []byte) error {
	action, reason, rewritten := k.expect(frame)
	run := ebpf.RunOptions{Data: frame, DataOut: k.out}
	got, err := k.program.Run(&run)
	if err != nil {
		return err
	}
	if reason.Verdict() != pipeline.Untouched {
		k.counts[reason]++
	}
	want := frame
	if rewritten {
		want = append(append([]byte{}, kernelNIC[:]...), frame[6:]...)
	}
	if got != action {
		return fmt.Errorf("verdict %d, the pipeline's %s asks for %d: %x", got, reason, action, frame)
	}
	if !bytes.Equal(run.DataOut, want) {
		return fmt.Errorf("%s: frame is %x, want %x", reason, run.DataOut, want)
	}
	return nil
}

// counted says where the program's counters are not what the pipeline's reasons
// make them.
func (k *kernel) counted() error {
	var got [pipeline.ReasonLen]uint64
	if err := k.program.AddCounters(got[:]); err != nil {
		return err
	}
	for r := range got {
		if got[r] != k.counts[r] {
			return fmt.Errorf("%s counted %d times, the pipeline's reasons make %d", pipeline.Reason(r), got[r], k.counts[r])
		}
	}
	return nil
}

// search feeds n frames to both until they differ.
func (k *kernel) search(source *frameSource, n int) error {
	buf := make([]byte, 0, 2048)
	for i := range n {
		frame := source.next(buf)
		if len(frame) < 14 {
			continue // the kernel runs no program on less than an Ethernet header
		}
		if err := k.differs(frame); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
		if i%256 == 0 {
			if err := k.counted(); err != nil {
				return fmt.Errorf("up to frame %d: %w", i, err)
			}
		}
	}
	return k.counted()
}

func randomShare(random *rand.Rand, rules int) *pipeline.Share {
	parts := make([]*pipeline.Part, 3)
	for i := range parts {
		parts[i] = &pipeline.Part{}
		for b := range pipeline.Buckets {
			if random.IntN(3) == i {
				parts[i].Mine.Set(uint16(b))
			}
		}
	}
	s := &pipeline.Share{Echo: parts[0]}
	for range rules {
		s.Rules = append(s.Rules, parts[random.IntN(len(parts))])
	}
	return s
}

func unchanged(*xsk.Rules) {}

// TestKernelAgreesWithPipeline runs a million random and malformed packets
// through the real program and through the pipeline, at each offload level.
func TestKernelAgreesWithPipeline(t *testing.T) {
	const packets, farms = 1_000_000, 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var met [pipeline.ReasonLen]uint64
	for i := range farms {
		offload := []config.Offload{config.OffloadFull, config.OffloadReject, config.OffloadNone}[i%3]
		vips, rules := randomFarm(random, 1+random.IntN(8), random.IntN(40))
		var share *pipeline.Share
		if i%7 != 6 { // now and then a node that serves nothing
			share = randomShare(random, len(rules))
		}
		k := newKernel(t, offload, vips, rules, share, unchanged)
		if err := k.search(newFrameSource(t, random.Uint64(), vips, rules, kernelNIC), packets/farms); err != nil {
			t.Fatalf("farm %d, offload %s: %v", i, offload, err)
		}
		for r, n := range k.counts {
			met[r] += n
		}
	}
	for r := pipeline.Accepted; r < pipeline.ReasonLen; r++ {
		if met[r] < 10 {
			t.Errorf("%s was met %d times: the frames leave it out", r, met[r])
		}
	}
}

// TestMutationIsFound: a program that is off in one constant must not pass.
func TestMutationIsFound(t *testing.T) {
	vips, rules := randomFarm(rand.New(rand.NewPCG(1, 2)), 3, 20)
	share := randomShare(rand.New(rand.NewPCG(3, 4)), len(rules))
	for name, mutate := range map[string]func(*xsk.Rules){
		"hash key":   func(r *xsk.Rules) { r.Key[0]++ },
		"multiplier": func(r *xsk.Rules) { r.Multiplier += 2 },
		"affinity":   func(r *xsk.Rules) { r.Affinity[7] = 3 - r.Affinity[7] },
		"port class": func(r *xsk.Rules) { r.Tcp.OfPort[rules[0].Ports[0].First]++; r.Udp.OfPort[rules[0].Ports[0].First]++ },
		"vmac":       func(r *xsk.Rules) { r.Vmacs[1]++ },
		"nic":        func(r *xsk.Rules) { r.Nic++ },
		"sets":       func(r *xsk.Rules) { r.MaxSets = 1 + uint32(len(share.Rules)); r.Offload = uint32(config.OffloadReject) },
	} {
		k := newKernel(t, config.OffloadFull, vips, rules, share, mutate)
		if err := k.search(newFrameSource(t, 5, vips, rules, kernelNIC), 200_000); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

// TestShareIsSwappedWhole changes the share back and forth, and looks at each.
func TestShareIsSwappedWhole(t *testing.T) {
	vips, rules := randomFarm(rand.New(rand.NewPCG(1, 2)), 1, 3)
	source := newFrameSource(t, 6, vips, rules, kernelNIC)
	k := newKernel(t, config.OffloadFull, vips, rules, nil, unchanged)
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 30 {
		var share *pipeline.Share
		if i%5 > 0 {
			share = randomShare(random, len(rules))
		}
		k.table = pipeline.NewTable(k.table.Rules, share)
		if err := k.program.SetShare(kernelShare(k.table)); err != nil {
			t.Fatal(err)
		}
		if err := k.search(source, 500); err != nil {
			t.Fatalf("share %d: %v", i, err)
		}
	}
}

// BenchmarkVerdict is the program's time for one packet at offload full, by the
// kernel's own clock. Each round takes another packet, so that no branch and no
// cache line is always the same one.
func BenchmarkVerdict(b *testing.B) {
	for _, size := range []struct{ vips, rules int }{{1, 1}, {8, 16}, {64, 128}} {
		vips, rules := randomFarm(rand.New(rand.NewPCG(1, 2)), size.vips, size.rules)
		for name, share := range map[string]*pipeline.Share{
			"reject": {Rules: make([]*pipeline.Part, len(rules)), Echo: &pipeline.Part{}},
			"mixed":  randomShare(rand.New(rand.NewPCG(3, 4)), len(rules)),
		} {
			for i := range share.Rules {
				if share.Rules[i] == nil {
					share.Rules[i] = share.Echo
				}
			}
			b.Run(fmt.Sprintf("%s/%d-rules/%d-vips", name, size.rules, size.vips), func(b *testing.B) {
				k := newKernel(b, config.OffloadFull, vips, rules, share, unchanged)
				b.ReportMetric(k.nanoseconds(b), "ns/packet")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// nanoseconds is the median over many packets of the time for one.
func (k *kernel) nanoseconds(b *testing.B) float64 {
	source := newFrameSource(b, 9, k.vips, k.rules, kernelNIC)
	var times []float64
	for b.Loop() {
		mean, err := k.program.Benchmark(source.ruled(), 10_000)
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, float64(mean.Nanoseconds()))
	}
	slices.Sort(times)
	return times[len(times)/2]
}
