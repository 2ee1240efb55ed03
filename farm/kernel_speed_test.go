package farm

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"thresher/config"
	"thresher/pipeline"
	"thresher/xsk"
)

// BenchmarkVerdict is the program's time for one packet at offload full, by the
// kernel's own clock. Each round takes another packet, so that no branch and no
// cache line is always the same one.
func BenchmarkVerdict(b *testing.B) {
	for _, size := range []struct {
		vips, rules int
		six         bool
	}{{1, 1, false}, {8, 16, false}, {64, 128, false}, {1, 1, true}, {8, 16, true}, {64, 128, true}} {
		vips, rules := speedFarm(size.vips, size.rules, size.six)
		for name, share := range map[string]*pipeline.Share{
			"reject": {Rules: make([]*pipeline.Part, len(rules)), Echo: &pipeline.Part{}},
			"mixed":  settledShare(rand.New(rand.NewPCG(3, 4)), len(rules)),
		} {
			for i := range share.Rules {
				if share.Rules[i] == nil {
					share.Rules[i] = share.Echo
				}
			}
			b.Run(fmt.Sprintf("%s/%s/%d-rules/%d-vips", familyName(size.six), name, size.rules, size.vips), func(b *testing.B) {
				k := newKernel(b, config.OffloadFull, vips, rules, share, kernelSockets)
				b.ReportMetric(k.nanoseconds(b), "ns/packet")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkVerdictHash is the same by hash function, of a packet that is another node's.
func BenchmarkVerdictHash(b *testing.B) {
	part := &pipeline.Part{}
	share := &pipeline.Share{Rules: []*pipeline.Part{part}, Echo: part}
	for _, six := range []bool{false, true} {
		for _, function := range []config.HashFunction{config.Multilinear, config.SipHash} {
			b.Run(familyName(six)+"/"+function.String(), func(b *testing.B) {
				vips, rules := speedFarm(1, 1, six)
				k := newKernelOf(b, config.OffloadFull, compileKernel(b, vips, rules, function), vips, rules, share, kernelSockets)
				b.ReportMetric(k.nanoseconds(b), "ns/packet")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkVerdictCase is the same for one kind of packet each: what the clocks,
// the look-ups and the metadata cost.
func BenchmarkVerdictCase(b *testing.B) {
	all, unsettled := &pipeline.Part{}, &pipeline.Part{}
	for bucket := range pipeline.Buckets {
		all.Mine.Set(uint16(bucket))
		unsettled.Mine.Set(uint16(bucket))
		unsettled.Unsettled.Set(uint16(bucket))
	}
	const syn, ack = 0x02, 0x10
	for _, c := range []struct {
		name    string
		part    *pipeline.Part
		flags   byte
		lease   bool
		offload config.Offload
		forward bool
	}{
		{"settled/not mine", &pipeline.Part{}, ack, true, config.OffloadFull, false},
		{"settled/accepted", all, ack, true, config.OffloadFull, false},
		{"settled/accepted syn", all, syn, true, config.OffloadFull, false},
		{"settled/fenced, looked up", all, ack, false, config.OffloadFull, false},
		{"unsettled/looked up", unsettled, ack, true, config.OffloadFull, false},
		{"unsettled/syn", unsettled, syn, true, config.OffloadFull, false},
		{"handed over", all, ack, true, config.OffloadNone, false},
		{"forwarded/settled, accepted", all, ack, true, config.OffloadFull, true},
		{"forwarded/unsettled, looked up", unsettled, ack, true, config.OffloadFull, true},
		{"forwarded/unsettled, syn", unsettled, syn, true, config.OffloadFull, true},
		{"forwarded/handed over", all, ack, true, config.OffloadNone, true},
	} {
		for _, six := range []bool{false, true} {
			b.Run(familyName(six)+"/"+c.name, func(b *testing.B) {
				vips, rules := speedFarm(1, 1, six)
				share := &pipeline.Share{Rules: []*pipeline.Part{c.part}, Echo: c.part}
				rules[0].Protocol, rules[0].VIPs = config.TCP, nil
				rules[0].Forward = c.forward // of entries there are none
				k := newKernel(b, c.offload, vips, rules, share, kernelSockets)
				k.lease(c.lease)
				k.flags = c.flags
				b.ReportMetric(k.nanoseconds(b), "ns/packet")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkVerdictCaptured is the program's time for one packet that is not mine,
// with captures of all kinds.
func BenchmarkVerdictCaptured(b *testing.B) {
	vips, rules := speedFarm(1, 2, false)
	part := &pipeline.Part{}
	share := &pipeline.Share{Rules: []*pipeline.Part{part, part}, Echo: part}
	const all = 1<<pipeline.ReasonLen - 1
	for _, c := range []struct {
		name   string
		filter *xsk.CaptureFilter
		grant  bool
	}{
		{"none", nil, false},
		{"grant used up", &xsk.CaptureFilter{Reasons: all, Rule: xsk.NoRule}, false},
		{"another verdict", &xsk.CaptureFilter{Reasons: 1 << pipeline.Accepted, Rule: xsk.NoRule}, true},
		{"another client", &xsk.CaptureFilter{Reasons: all, Client: netip.MustParsePrefix("::1/128"), Rule: xsk.NoRule}, true},
		{"another rule", &xsk.CaptureFilter{Reasons: all, Rule: 7}, true},
		{"each copied", &xsk.CaptureFilter{Reasons: all, Rule: xsk.NoRule}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			k := newKernel(b, config.OffloadFull, vips, rules, share, kernelSockets)
			repeat := 10_000
			between := func() {}
			if c.filter != nil {
				capture, err := k.program.OpenCapture(*c.filter)
				if err != nil {
					b.Fatal(err)
				}
				defer capture.Close()
				between = func() {
					for ok := true; ok; {
						if _, ok, err = capture.Read(); err != nil {
							b.Fatal(err)
						}
					}
					if err := capture.Grant(map[bool]int{true: xsk.CaptureBurst}[c.grant]); err != nil {
						b.Fatal(err)
					}
				}
			}
			if c.name == "each copied" {
				repeat = xsk.CaptureBurst
			}
			b.ReportMetric(k.nanosecondsOf(b, repeat, between), "ns/packet")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// speedFarm is a configuration whose VIPs are all of one family.
func speedFarm(vips, rules int, six bool) ([]config.VIP, []config.Rule) {
	random := rand.New(rand.NewPCG(1, 2))
	return farmOf(random, vips, rules, func(i int) netip.Addr {
		if six {
			return ipv6VIP(random, i)
		}
		return ipv4VIP(random, i)
	})
}

func familyName(six bool) string {
	if six {
		return "IPv6"
	}
	return "IPv4"
}

// nanoseconds is the median over many packets of the time for one.
func (k *kernel) nanoseconds(b *testing.B) float64 {
	return k.nanosecondsOf(b, 10_000, func() {})
}

// nanosecondsOf runs each packet so often, and does something between two.
func (k *kernel) nanosecondsOf(b *testing.B, repeat int, between func()) float64 {
	source := newFrameSource(b, 9, k.vips, k.rules, kernelNIC)
	var times []float64
	for b.Loop() {
		frame := source.ruled()
		if k.flags != 0 {
			_, _, _, tcp := carriedIn(frame)
			tcp[13] = k.flags
		}
		between()
		mean, err := k.program.Benchmark(frame, repeat)
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, float64(mean.Nanoseconds()))
	}
	slices.Sort(times)
	return times[len(times)/2]
}
