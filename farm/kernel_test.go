package farm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
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
	xdpTX   = 3
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
	met     [pipeline.ReasonLen]uint64 // the pipeline's own
	met6    [pipeline.ReasonLen]uint64 // of them, IPv6 packets'
	opened  uint64                     // SYNs that go to the stack
	out     []byte

	good     bool // the lease
	alone    bool // the program asks nobody, in hand-over
	tooLong  bool // nor here, since no socket takes the frames
	granted  bool // to keep clients
	clients  map[xsk.Client]clientFacts
	flows    map[xsk.Flow]madeUp
	halfOpen xsk.Flow // the one that the program knows of
	unheard  bool     // the program is told of no more flows
	flags    byte     // of TCP packets in benchmarks, if any
	random   *rand.Rand
}

var kernelNIC = config.MAC{0x02, 0, 0, 0, 0, 0x0b}

// newKernel loads the program; change alters the rules that it gets.
func newKernel(t testing.TB, offload config.Offload, vips []config.VIP, rules []config.Rule, share *pipeline.Share, change func(*xsk.Rules)) *kernel {
	t.Helper()
	if os.Geteuid() != 0 {
		leftout.Skip(t, "needs root to load the XDP program")
	}
	return newKernelOf(t, offload, compileKernel(t, vips, rules, config.Multilinear), vips, rules, share, change)
}

// compileKernel compiles rules under the key of the tests.
func compileKernel(t testing.TB, vips []config.VIP, rules []config.Rule, function config.HashFunction) *pipeline.Rules {
	t.Helper()
	key := config.HashKey{Function: function, Secret: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}}
	compiled, err := pipeline.Compile(vips, rules, key, kernelNIC)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// newKernelOf is newKernel with rules that are compiled already.
func newKernelOf(t testing.TB, offload config.Offload, compiled *pipeline.Rules, vips []config.VIP, rules []config.Rule, share *pipeline.Share, change func(*xsk.Rules)) *kernel {
	t.Helper()
	k := &kernel{
		t: t, table: pipeline.NewTable(compiled, share), vips: vips, rules: rules, offload: offload, out: make([]byte, 2048),
		flows: make(map[xsk.Flow]madeUp), clients: make(map[xsk.Client]clientFacts), random: rand.New(rand.NewPCG(11, 12)),
	}
	layout := kernelRules(compiled, offload)
	layout.TestFlows = madeUpFlows
	change(layout)
	var err error
	if k.program, err = xsk.LoadProgram(layout); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.program.Close() })
	if err := k.program.SetShare(kernelShare(k.table)); err != nil {
		t.Fatal(err)
	}
	k.lease(true)
	if err := k.program.Arm(); err != nil {
		t.Fatal(err)
	}
	return k
}

// expectation is what the program is to do with a frame.
type expectation struct {
	action    uint32
	reason    pipeline.Reason // that it counts; Other: none
	judged    pipeline.Reason // the pipeline's
	rewritten bool
	asked     bool
	to        config.MAC // whom a frame that goes on to another node is sent to
}

// goesOn tells whether a frame is one of a flow that is here, and opens none: it
// goes on also where nobody reads.
func (k *kernel) goesOn(frame []byte, facts pipeline.Facts) bool {
	flow, protocol, ok := flowOf(frame)
	if !ok || isFragment(frame) {
		return false
	}
	if protocol == config.UDP {
		_, ruled := k.table.Find(protocol, flow.VIP.Addr(), flow.VIP.Port())
		return !ruled && facts.Flow >= pipeline.FlowKnown
	}
	return !isSYN(frame) && facts.Flow >= pipeline.FlowKnown
}

// isSYN tells whether a TCP frame whose flow can be told opens it.
func isSYN(frame []byte) bool {
	const flags, opening, syn = 13, 0x17, 0x02
	_, _, _, tcp := carriedIn(frame)
	return tcp[flags]&opening == syn
}

// expect is the program's verdict by the pipeline's. Where the program would ask
// the pipeline, it finds no reader here, and says so.
func (k *kernel) expect(frame []byte, facts pipeline.Facts) expectation {
	r := k.table.Judge(frame, facts, k.now())
	if k.alone && r == pipeline.Fragment && !isIPv6(frame) {
		r = k.table.JudgeFirst(frame, facts, k.now())
	}
	accepts := r.Verdict() == pipeline.Accept
	if k.blocks(frame) {
		facts.Flow = 0 // it goes on nowhere
	}
	switch {
	case r.Verdict() == pipeline.Untouched:
		return expectation{action: xdpPass, reason: r, judged: r, rewritten: false, asked: false}
	case r == pipeline.AcceptedNeighbour:
		return expectation{action: xdpPass, reason: r, judged: r, rewritten: true, asked: false}
	case r == pipeline.NotVIP:
		return expectation{action: xdpDrop, reason: r, judged: r, rewritten: false, asked: false}
	case k.offload == config.OffloadNone, r.Verdict() == pipeline.Hold, k.offload == config.OffloadReject && (accepts || r == pipeline.Forwarded && !k.alone):
		asked, why := !k.alone && !k.tooLong, pipeline.NoReader
		if k.tooLong {
			why = pipeline.TooLong
		}
		if k.goesOn(frame, facts) {
			return expectation{action: xdpPass, reason: pipeline.AcceptedKnown, judged: r, rewritten: true, asked: asked}
		}
		if to, ok := k.target(frame, r); ok {
			return expectation{action: xdpTX, reason: pipeline.Forwarded, judged: r, asked: asked, to: to}
		}
		return expectation{action: xdpDrop, reason: why, judged: r, rewritten: false, asked: asked}
	case r == pipeline.Forwarded:
		node, ok := k.table.Target(frame)
		if !ok {
			k.t.Errorf("nobody to hand on to: %x", frame)
			return expectation{}
		}
		return expectation{action: xdpTX, reason: r, judged: r, to: k.table.Nodes[node]}
	case accepts:
		return expectation{action: xdpPass, reason: r, judged: r, rewritten: true, asked: false}
	}
	return expectation{action: xdpDrop, reason: r, judged: r, rewritten: false, asked: false}
}

// target is where a frame goes that nobody reads, and that is another node's.
func (k *kernel) target(frame []byte, r pipeline.Reason) (config.MAC, bool) {
	if r != pipeline.Copied && r != pipeline.Forwarded {
		return config.MAC{}, false
	}
	node, ok := k.table.Target(frame)
	if !ok {
		return config.MAC{}, false
	}
	return k.table.Nodes[node], true
}

// blocks tells whether nobody serves the rule of a TCP or UDP frame.
func (k *kernel) blocks(frame []byte) bool {
	flow, protocol, ok := flowOf(frame)
	return ok && slices.ContainsFunc(k.rules, func(r config.Rule) bool {
		return r.Mode == config.ModeBlock && r.Protocol == protocol && r.Holds(flow.VIP.Addr()) &&
			slices.ContainsFunc(r.Ports, func(p config.PortRange) bool { return p.First <= flow.VIP.Port() && flow.VIP.Port() <= p.Last })
	})
}

// differs runs one frame through both and says where they disagree.
func (k *kernel) differs(frame []byte) error {
	sent := frame
	if k.table.Judge(frame, pipeline.Facts{}, k.now()) != pipeline.Other || k.isProbe(untagged(frame)) {
		frame = untagged(frame)
	}
	facts, err := k.facts(frame)
	if err != nil {
		return err
	}
	if err := k.client(frame, &facts); err != nil {
		return err
	}
	expected := k.expect(frame, facts)
	if tagged, plain := k.table.Judge(sent, facts, k.now()), k.table.Judge(frame, facts, k.now()); tagged != plain {
		return fmt.Errorf("with its priority tag, a frame is %s, without it %s: %x", tagged, plain, sent)
	}
	run := ebpf.RunOptions{Data: sent, DataOut: k.out}
	got, err := k.program.Run(&run)
	if err != nil {
		return err
	}
	k.met[expected.judged]++
	if isIPv6(frame) {
		k.met6[expected.judged]++
	}
	if expected.reason != expected.judged {
		k.met[expected.reason]++
	}
	if expected.reason.Verdict() != pipeline.Untouched {
		k.counts[expected.reason]++
	}
	if r := expected.reason; r.Verdict() == pipeline.Accept && r != pipeline.AcceptedNeighbour {
		if _, protocol, ok := flowOf(frame); ok && protocol == config.TCP && isSYN(frame) {
			k.opened++
		}
	}
	if got != expected.action {
		return fmt.Errorf("verdict %d, the pipeline's %s asks for %d: %x", got, expected.judged, expected.action, frame)
	}
	out := run.DataOut
	if expected.asked {
		if out, err = k.handedOver(frame, out, facts, expected.judged); err != nil {
			return err
		}
	}
	want := frame
	if expected.rewritten {
		want = append(append([]byte{}, kernelNIC[:]...), frame[6:]...)
	}
	if expected.action == xdpTX {
		want = append(append(append([]byte{}, expected.to[:]...), kernelNIC[:]...), frame[12:]...)
	}
	if expected.action == xdpPass && expected.judged == pipeline.Other && k.isProbe(frame) {
		want = append(append(append([]byte{}, frame[:12]...), 0x88, 0xb6), frame[14:]...)
	}
	if !bytes.Equal(out, want) {
		return fmt.Errorf("%s: frame is %x, want %x", expected.judged, out, want)
	}
	return nil
}

// isProbe tells whether a frame is one of package wire's, which goes on under
// another EtherType.
func (k *kernel) isProbe(frame []byte) bool {
	four := len(frame) >= 34 && frame[12] == 0x08 && frame[13] == 0 && frame[23] == 253
	six := len(frame) >= 54 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == 253
	return slices.ContainsFunc(k.vips, func(v config.VIP) bool {
		return v.Mode != config.Directed && bytes.Equal(frame[:6], v.MAC[:]) &&
			(four && bytes.Equal(frame[30:34], v.Address.AsSlice()) || six && bytes.Equal(frame[38:54], v.Address.AsSlice()))
	})
}

// handedOver takes off the metadata that a frame was handed over with, and says
// whether the pipeline comes to the same by them.
func (k *kernel) handedOver(frame, out []byte, known pipeline.Facts, want pipeline.Reason) ([]byte, error) {
	if len(out) != len(frame)+8 {
		return nil, fmt.Errorf("%s: %d bytes handed over of a frame of %d, want 8 more", want, len(out), len(frame))
	}
	facts := pipeline.ParseFacts(binary.LittleEndian.Uint64(out))
	if !facts.Stamped {
		return nil, fmt.Errorf("%s: metadata %x are none", want, out[:8])
	}
	got := k.table.Judge(frame, facts, k.now())
	if got == pipeline.Fragment {
		if first, want := k.table.JudgeFirst(frame, facts, k.now()), k.table.JudgeFirst(frame, known, k.now()); first != want {
			return nil, fmt.Errorf("by the metadata %+v, a first fragment is %s, and %s by %+v: %x", facts, first, want, known, frame)
		}
	}
	if got != want {
		return nil, fmt.Errorf("by the metadata %+v, the pipeline comes to %s, want %s: %x", facts, got, want, frame)
	}
	return out[8:], nil
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
	if opened, err := k.program.Opened(); err != nil || opened != k.opened {
		return fmt.Errorf("%d connections opened, want %d: %v", opened, k.opened, err)
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

// randomShare has buckets of every kind in all of three parts.
func randomShare(random *rand.Rand, rules int) *pipeline.Share {
	parts := make([]*pipeline.Part, 3)
	for i := range parts {
		parts[i] = &pipeline.Part{}
		for b := range pipeline.Buckets {
			if random.IntN(3) == i {
				parts[i].Mine.Set(uint16(b))
			} else if random.IntN(4) == 0 {
				if random.IntN(2) == 0 {
					parts[i].Ask.Set(uint16(b))
				} else {
					parts[i].Released.Set(uint16(b))
				}
			}
			if random.IntN(3) == 0 {
				parts[i].Unsettled.Set(uint16(b))
			}
			if random.IntN(3) == 0 {
				parts[i].Sticky.Set(uint16(b))
			}
		}
	}
	for _, part := range parts[1:] {
		part.Owners = randomOwners(random)
	}
	share := shareOf(random, rules, parts)
	share.Nodes = otherNodes
	return share
}

// randomOwners are this node, other nodes, and all of them.
func randomOwners(random *rand.Rand) *pipeline.Owners {
	owners := &pipeline.Owners{}
	for b := range owners {
		switch n := random.IntN(2 + len(otherNodes)); n {
		case 0:
			owners[b] = pipeline.ThisNode
		case 1:
			owners[b] = []uint8{pipeline.AllNodes, pipeline.ThisNode | pipeline.InDoubt, 0 | pipeline.InDoubt, 2 | pipeline.InDoubt}[random.IntN(4)]
		default:
			owners[b] = uint8(n - 2)
		}
	}
	return owners
}

// settledShare has a third of the buckets, and nobody else has flows in them.
func settledShare(random *rand.Rand, rules int) *pipeline.Share {
	parts := make([]*pipeline.Part, 3)
	for i := range parts {
		parts[i] = &pipeline.Part{}
		for b := range pipeline.Buckets {
			if random.IntN(3) == i {
				parts[i].Mine.Set(uint16(b))
			}
		}
	}
	return shareOf(random, rules, parts)
}

func shareOf(random *rand.Rand, rules int, parts []*pipeline.Part) *pipeline.Share {
	s := &pipeline.Share{Echo: parts[0]}
	for range rules {
		s.Rules = append(s.Rules, parts[random.IntN(len(parts))])
	}
	return s
}

func unchanged(*xsk.Rules) {}

// kernelSockets has the program ask the kernel's sockets, as outside of tests.
func kernelSockets(r *xsk.Rules) { r.TestFlows = 0 }

// TestKernelAgreesWithPipeline runs a million random and malformed packets
// through the real program and through the pipeline, at each offload level.
func TestKernelAgreesWithPipeline(t *testing.T) {
	t.Parallel()
	const packets, farms = 1_000_000, 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var met, met6 [pipeline.ReasonLen]uint64
	for i := range farms {
		offload := []config.Offload{config.OffloadFull, config.OffloadReject, config.OffloadNone}[i%3]
		vips, rules := randomFarm(random, 1+random.IntN(8), random.IntN(40))
		if i%2 == 0 {
			directed(random, vips)
		}
		var share *pipeline.Share
		if i%7 != 6 { // now and then a node that serves nothing
			share = randomShare(random, len(rules))
		}
		unruled := config.Default(1 + i%4)
		function := config.Multilinear
		if i%5 > 2 { // with every offload level and default, and in mode directed too
			function = config.SipHash
		}
		compiled := compileKernel(t, vips, rules, function)
		k := newKernelOf(t, offload, compiled, vips, rules, share, func(r *xsk.Rules) { r.Unruled = uint32(unruled) })
		k.table = pipeline.NewTable(k.table.WithDefault(unruled), share)
		source := newFrameSource(t, random.Uint64(), vips, rules, kernelNIC)
		for phase := range 3 {
			k.lease(phase != 1)
			k.grant(phase != 2)
			if err := k.search(source, packets/farms/3); err != nil {
				t.Fatalf("farm %d, offload %s, lease good: %v: %v", i, offload, k.good, err)
			}
		}
		for r, n := range k.met {
			met[r] += n
			met6[r] += k.met6[r]
		}
	}
	for r := pipeline.Accepted; r < pipeline.ReasonLen; r++ {
		if elsewhere := r == pipeline.Late || r == pipeline.ParkFull || r == pipeline.Orphan || r == pipeline.TooLong; !elsewhere && met[r] < 10 {
			t.Errorf("%s was met %d times: the frames leave it out", r, met[r])
		} else if !elsewhere && r != pipeline.NoReader && met6[r] == 0 {
			t.Errorf("%s was met %d times over IPv6: the frames leave it out", r, met6[r])
		}
	}
}

// TestMutationIsFound: a program that is off in one constant must not pass.
func TestMutationIsFound(t *testing.T) {
	t.Parallel()
	vips, rules := randomFarm(rand.New(rand.NewPCG(1, 2)), 3, 20)
	vips[2].Mode, vips[2].MAC = config.Directed, kernelNIC
	share := randomShare(rand.New(rand.NewPCG(3, 4)), len(rules))
	for name, mutate := range map[string]func(*xsk.Rules){
		"hash function":   func(r *xsk.Rules) { r.Siphash = 1 },
		"hash, IPv4":      func(r *xsk.Rules) { r.Multilinear.Start4 += 1 << 32 },
		"hash, IPv6":      func(r *xsk.Rules) { r.Multilinear.Start6 += 1 << 32 },
		"hash, words":     func(r *xsk.Rules) { r.Multilinear.Add[0]++ },
		"hash, IPv6 port": func(r *xsk.Rules) { r.Multilinear.Add[5]++ },
		"hash, mixed":     func(r *xsk.Rules) { r.Multilinear.Mix += 2 },
		"second hash":     func(r *xsk.Rules) { r.Multilinear.AddAgain[1]++ },
		"SipHash":         func(r *xsk.Rules) { r.Begun.V0++ },
		"multiplier":      func(r *xsk.Rules) { r.Multiplier += 2 },
		"IPv6 multiplier": func(r *xsk.Rules) { r.Multiplier6 += 2 },
		"IPv6 VIP": func(r *xsk.Rules) {
			for i := range r.Slots6 {
				r.Slots6[i].Hi ^= 1
			}
		},
		"unruled": func(r *xsk.Rules) { r.Unruled = uint32(config.Single) },
		"forward": func(r *xsk.Rules) {
			r.Forwards = 1
			for i := range rules {
				r.Forward[i] = 1 - r.Forward[i]
			}
		},
		"no rule forwards": func(r *xsk.Rules) { r.Forwards = 0 },
		"affinity session": func(r *xsk.Rules) {
			for i := range rules {
				r.Hashed[i].Mask4 ^= math.MaxUint16 << 32
			}
		},
		"affinity session, IPv6": func(r *xsk.Rules) {
			for i := range rules {
				r.Hashed[i].Port6 ^= math.MaxUint16
			}
		},
		"affinity packet": func(r *xsk.Rules) {
			for i := range rules {
				r.Hashed[i].Mask4 ^= math.MaxUint16 << 48
			}
		},
		"affinity network": func(r *xsk.Rules) {
			for i := range rules {
				r.Hashed[i].Mask4 |= math.MaxUint32
			}
		},
		"affinity network, IPv6": func(r *xsk.Rules) {
			for i := range rules {
				r.Hashed[i].Mask6[1] = ^r.Hashed[i].Mask6[1]
			}
		},
		"block": func(r *xsk.Rules) {
			for class := range r.Tcp.Rule {
				for vip := range r.Tcp.Rule[class] {
					if r.Tcp.Rule[class][vip] == pipeline.RuleBlock {
						r.Tcp.Rule[class][vip] = pipeline.RuleNone
					}
					if r.Udp.Rule[class][vip] == pipeline.RuleBlock {
						r.Udp.Rule[class][vip] = pipeline.RuleNone
					}
				}
			}
		},
		"port class": func(r *xsk.Rules) {
			for _, rule := range rules {
				r.Tcp.OfPort[rule.Ports[0].First], r.Udp.OfPort[rule.Ports[0].First] = 0, 0
			}
		},
		"no VIP is directed":   func(r *xsk.Rules) { r.Relays = 0 },
		"another VIP directed": func(r *xsk.Rules) { r.Directed[1] = 1; r.Vmacs[1] = r.Nic },
		"vmac":                 func(r *xsk.Rules) { r.Vmacs[1]++ },
		"nic":                  func(r *xsk.Rules) { r.Nic++ },
		"offload":              func(r *xsk.Rules) { r.Offload = uint32(config.OffloadReject) },
	} {
		function := config.Multilinear
		if name == "SipHash" {
			function = config.SipHash
		}
		k := newKernelOf(t, config.OffloadFull, compileKernel(t, vips, rules, function), vips, rules, share, mutate)
		if err := k.search(newFrameSource(t, 5, vips, rules, kernelNIC), 200_000); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

// TestShareIsSwappedWhole changes the share back and forth, and looks at each.
func TestShareIsSwappedWhole(t *testing.T) {
	t.Parallel()
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
