package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"thresher/config"
	"thresher/perf/generator"
	"thresher/perf/lab"
	"thresher/perf/report"
	"thresher/pipeline"
)

const (
	allocs = "allocs"
	// pipelineFrames are different packets: more than the CPU's branch
	// prediction learns by heart.
	pipelineFrames = 256 * pipeline.BatchSize
)

// pipelineTrial is the pipeline's Go code on packets in memory.
type pipelineTrial struct {
	table   *pipeline.Table
	frames  [][]byte
	facts   []pipeline.Facts
	reasons []pipeline.Reason
	time    time.Duration
}

// startPipeline compiles so many rules for so many VIPs. The node has a third of
// the buckets.
func startPipeline(o Options, rules, vips int) (trial, error) {
	nic := config.MAC{2, 0, 0, 0, 0, 1}
	key := config.HashKey{Function: config.Multilinear}
	_, _ = rand.Read(key.Secret[:]) // It cannot fail (crypto/rand).
	to, ports := pipelineRules(rules, vips)
	compiled, err := pipeline.Compile(to, ports, key, nic)
	if err != nil {
		return nil, err
	}
	t := &pipelineTrial{table: pipeline.NewTable(compiled, aThird(rules)), time: o.Time}
	t.facts = make([]pipeline.Facts, pipeline.BatchSize)
	t.reasons = make([]pipeline.Reason, pipeline.BatchSize)
	t.frames, err = frames(to, ports, pipelineFrames)
	return t, err
}

// pipelineRules are rules of eight UDP ports each, one after another.
func pipelineRules(rules, vips int) (to []config.VIP, list []config.Rule) {
	for addr := lab.VIP(); len(to) < vips; addr = addr.Next() {
		to = append(to, config.VIP{Address: addr, MAC: config.FloodMAC(addr), Mode: config.Flood})
	}
	for i := range rules {
		first := uint16(1024 + 8*i)
		list = append(list, config.Rule{
			Name: fmt.Sprintf("rule%d", i), Protocol: config.UDP, Affinity: config.Client,
			Ports: []config.PortRange{{First: first, Last: first + 7}}, Weight: config.DefaultWeight,
		})
	}
	return to, list
}

// aThird is every third bucket of all rules.
func aThird(rules int) *pipeline.Share {
	third := &pipeline.Part{}
	for b := 0; b < pipeline.Buckets; b += 3 {
		third.Mine.Set(uint16(b))
	}
	s := &pipeline.Share{Echo: third}
	for range rules {
		s.Rules = append(s.Rules, third)
	}
	return s
}

// frames makes n packets for the rules.
func frames(to []config.VIP, rules []config.Rule, n int) (made [][]byte, err error) {
	t := generator.Traffic{
		Protocol: generator.UDP,
		Ports:    config.PortRange{First: rules[0].Ports[0].First, Last: rules[len(rules)-1].Ports[0].Last},
		Clients:  netip.MustParsePrefix("10.0.0.0/8"), ClientPorts: config.PortRange{First: 1024, Last: 65535},
	}
	for _, v := range to {
		t.VIPs = append(t.VIPs, generator.VIP{Address: v.Address, MAC: v.MAC})
	}
	gen, err := generator.New(t, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, gen.Close()) }()
	for len(made) < n {
		frame, err := gen.Frame()
		if err != nil {
			return nil, err
		}
		made = append(made, frame)
	}
	return made, nil
}

// measure does what a queue does with each batch, until the time is over, and
// takes the median of the passes over all frames.
func (t *pipelineTrial) measure(ctx context.Context) (sample, error) {
	var counters pipeline.Counters
	var before, after runtime.MemStats
	var passes []float64
	runtime.ReadMemStats(&before)
	for start := time.Now(); len(passes) == 0 || time.Since(start) < t.time; {
		began := time.Now()
		for first := 0; first < len(t.frames); first += pipeline.BatchSize {
			t.handle(t.frames[first:first+pipeline.BatchSize], &counters)
		}
		passes = append(passes, float64(time.Since(began).Nanoseconds())/float64(len(t.frames)))
	}
	runtime.ReadMemStats(&after)
	batches := uint64(len(passes) * len(t.frames) / pipeline.BatchSize)
	return sample{
		nanos: report.Median(passes),
		// Of the whole process: less than one in many batches is the runtime's own.
		allocs: float64((after.Mallocs - before.Mallocs) / batches),
	}, ctx.Err()
}

func (t *pipelineTrial) handle(frames [][]byte, counters *pipeline.Counters) {
	t.table.JudgeBatch(frames, t.facts, pipeline.Lease{Deadline: 1}, t.reasons)
	for i, r := range t.reasons {
		if r.Verdict() == pipeline.Accept {
			// As Deliver does, and the frame stays what it was for the next time.
			copy(frames[i], frames[i][:6])
		}
	}
	counters.Add(t.reasons)
}

func (t *pipelineTrial) close() error { return nil }

func pipelineScenario() scenario {
	return scenario{
		name: "pipeline", title: "nanoseconds a packet in the pipeline's Go code",
		method: fmt.Sprintf("Judging, counting and readdressing batches of %d out of %d different packets in memory, a third of "+
			"them ours, without the packets' ways in and out.", pipeline.BatchSize, pipelineFrames),
		metrics: []report.Metric{
			{Name: nanos, Title: "a packet", Unit: "ns", Better: report.Less},
			{Name: allocs, Title: "allocations a batch", Better: report.Less, Brief: true},
		},
		groups: func(o Options) []group {
			return []group{{rows: []row{pipelineRow(o, 1, 1)}}}
		},
	}
}

func pipelineRow(o Options, rules, vips int) row {
	return row{pipelineAlone, "the pipeline's Go code", func(context.Context) (trial, error) {
		return startPipeline(o, rules, vips)
	}}
}
