package xsk

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Rules is a compiled configuration in the kernel program's layout
// (xsk/bpf/rules.h). Addresses are as on the wire.
type Rules = bpfRules

// MaxQueues is how many receive queues the program can hand packets to.
const MaxQueues = 256

// Program is the XDP program in the kernel, with its maps.
type Program struct {
	objects  bpfObjects
	hooks    *Hooks // nil while it is attached to nothing
	slots    slots
	nothing  *ebpf.Map         // what await puts in the place of itself
	halfOpen map[Flow]struct{} // as the program has them
	learnt   map[Client]struct{}
}

// LoadProgram puts the program into the kernel with a configuration, which is
// constant from then on. It is attached to nothing yet, and takes no VIP's
// traffic before Arm. rules may be changed afterwards. The error is
// ErrNoConntrack if rules forward and the kernel cannot tell of their flows.
func LoadProgram(rules *Rules) (*Program, error) {
	spec, err := specFor(rules)
	if err != nil {
		return nil, err
	}
	return loadSpec(spec, rules)
}

// specFor is the program with a configuration.
func specFor(rules *Rules) (*ebpf.CollectionSpec, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("lift the memory lock limit (RLIMIT_MEMLOCK): run as root or with CAP_SYS_RESOURCE: %w", err)
	}
	spec, err := loadBpf()
	if err != nil {
		return nil, fmt.Errorf("read the XDP program: %w", err)
	}
	if rules.Forwards > 0 && rules.TestFlows == 0 {
		if err := CheckForward(); err != nil {
			return nil, fmt.Errorf("load the XDP program: %w", err)
		}
	}
	if rules.Pieces > 0 {
		spec.Programs[bpfProgThresher].Flags |= unix.BPF_F_XDP_HAS_FRAGS
	}
	if err := fit(spec, rules); err != nil {
		return nil, fmt.Errorf("configure the XDP program: %w", err)
	}
	return spec, nil
}

func loadSpec(spec *ebpf.CollectionSpec, rules *Rules) (*Program, error) {
	p := &Program{}
	if err := spec.LoadAndAssign(&p.objects, nil); err != nil {
		return nil, loadError(err)
	}
	return p, p.finish(spec, rules)
}

// finish makes what belongs to a loaded program, and closes that on an error.
func (p *Program) finish(spec *ebpf.CollectionSpec, rules *Rules) (err error) {
	p.halfOpen, p.learnt = make(map[Flow]struct{}), make(map[Client]struct{})
	if p.nothing, err = ebpf.NewMap(spec.Maps[bpfMapBarrier].InnerMap); err != nil {
		return errors.Join(fmt.Errorf("make the XDP program's barrier: %w", err), p.objects.Close())
	}
	p.slots = slots{
		parts: p.objects.Parts, index: p.objects.PartOfRule, chosen: p.objects.ShareSlot,
		room: int(rules.MaxParts), value: make([]byte, partBytes),
		owners: p.objects.Owners, nodes: p.objects.Nodes, relays: rules.Relays > 0,
	}
	if p.slots.relays {
		p.slots.nobody = nobodyKnows()
	}
	return nil
}

// fit gives the program's maps the configuration's size, and its clocks this
// machine's tick.
func fit(spec *ebpf.CollectionSpec, rules *Rules) error {
	if err := spec.Variables[bpfVarConf].Set(rules); err != nil {
		return err
	}
	spec.Maps[bpfMapParts].MaxEntries = shareSlots * rules.MaxParts
	if rules.Relays > 0 {
		spec.Maps[bpfMapOwners].MaxEntries = shareSlots * rules.MaxParts
	}
	spec.Maps[bpfMapTestFlows].MaxEntries = max(1, rules.TestFlows)
	tick, err := tickLength()
	if err != nil {
		return err
	}
	return spec.Variables[bpfVarTick].Set(uint64(tick))
}

func loadError(err error) error {
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) {
		return fmt.Errorf("load the XDP program: the kernel's verifier refused it, please report this: %+v", verifier)
	}
	return fmt.Errorf("load the XDP program: %w", err)
}

// Register lets the program hand packets of q's queue to q.
func (p *Program) Register(q *Queue) error {
	if err := p.objects.Sockets.Put(uint32(q.options.Queue), uint32(q.rx.fd())); err != nil {
		return fmt.Errorf("register the socket of queue %d: %w", q.options.Queue, err)
	}
	return nil
}

// Arm makes the program take the VIPs' traffic: to be called when every queue is
// registered.
func (p *Program) Arm() error {
	if err := p.objects.Armed.Set(uint32(1)); err != nil {
		return fmt.Errorf("arm the XDP program: %w", err)
	}
	return nil
}

// AddCounters adds what the program counted to sum, by pipeline.Reason. sum must
// be as long as there are reasons.
func (p *Program) AddCounters(sum []uint64) error { return addPerCPU(p.objects.Counters, sum) }

// Opened is how many TCP packets that open a connection went to the stack, past the
// pipeline or from it. One that its client sends again counts again.
func (p *Program) Opened() (uint64, error) {
	sum := make([]uint64, 1)
	err := addPerCPU(p.objects.Opened, sum)
	return sum[0], err
}

// addPerCPU adds an array's values, all processors together, to sum, which is as long
// as the array.
func addPerCPU(array *ebpf.Map, sum []uint64) error {
	perCPU := make([]uint64, ebpf.MustPossibleCPU())
	for i := range array.MaxEntries() {
		if err := array.Lookup(i, &perCPU); err != nil {
			return fmt.Errorf("read the XDP program's counters: %w", err)
		}
		for _, n := range perCPU {
			sum[i] += n
		}
	}
	return nil
}

// Run runs the program once on the packet that the options hold, or as often as
// they say, as bpf(2)'s BPF_PROG_TEST_RUN does, and returns its verdict: an
// XDP_… action (include/uapi/linux/bpf.h).
func (p *Program) Run(o *ebpf.RunOptions) (uint32, error) { return p.objects.Thresher.Run(o) }

// Benchmark runs the program so often on one packet, and returns the mean time of
// a run by the kernel's own clock.
func (p *Program) Benchmark(packet []byte, repeat int) (time.Duration, error) {
	_, mean, err := p.objects.Thresher.Benchmark(packet, repeat, nil)
	return mean, err
}

// Close detaches the program, from pinned hooks too, and removes it from the
// kernel.
func (p *Program) Close() error {
	return errors.Join(p.hooks.Remove(), p.nothing.Close(), p.objects.Close())
}

// Abandon gives the program up as the end of this process would: where its hooks
// are pinned it goes on, and what it was last told holds.
func (p *Program) Abandon() error {
	return errors.Join(p.hooks.Close(), p.nothing.Close(), p.objects.Close())
}
