package farm

import (
	"math"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
	"thresher/pipeline"
	"thresher/xsk"
)

var queueVIP = config.VIP{Address: netip.MustParseAddr("192.0.2.100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 100}}

// judged is a handler under test: with its tables, and a clock that counts how
// often it is asked.
type judged struct {
	handler
	tables    atomic.Pointer[pipeline.Table]
	mine      *pipeline.Table // every bucket is this node's
	others    *pipeline.Table // none is
	time      int64
	deadline  atomic.Int64
	grant     atomic.Int64
	timeAsked int
}

func newJudged(t *testing.T) *judged {
	t.Helper()
	rules, err := pipeline.Compile([]config.VIP{queueVIP}, []config.Rule{
		{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}}, Affinity: config.Session},
	}, config.HashKey{Function: config.Multilinear, Secret: [16]byte{1}}, kernelNIC)
	if err != nil {
		t.Fatal(err)
	}
	all, none := &pipeline.Part{}, &pipeline.Part{}
	for b := range pipeline.Buckets {
		all.Mine.Set(uint16(b))
	}
	share := func(p *pipeline.Part) *pipeline.Share {
		return &pipeline.Share{Rules: []*pipeline.Part{p}, Echo: p}
	}
	j := &judged{mine: pipeline.NewTable(rules, share(all)), others: pipeline.NewTable(rules, share(none)), time: 1e12}
	j.tables.Store(j.others)
	j.handler = newHandler(&j.tables, &j.deadline, &j.grant, pipeline.NewFragments())
	j.deadline.Store(math.MaxInt64)
	j.handler.clock = func() int64 { j.timeAsked++; return j.time }
	return j
}

// synBatch is a batch of SYNs to the VIP, from as many ports as there are.
func synBatch(t *testing.T, ports ...uint16) *xsk.Batch {
	t.Helper()
	b := &xsk.Batch{}
	for _, port := range ports {
		ip := layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP,
			SrcIP: net.IPv4(203, 0, 113, 7).To4(), DstIP: queueVIP.Address.AsSlice()}
		tcp := layers.TCP{SrcPort: layers.TCPPort(port), DstPort: 80, SYN: true}
		if err := tcp.SetNetworkLayerForChecksum(&ip); err != nil {
			t.Fatal(err)
		}
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: farMAC.HardwareAddr(), DstMAC: queueVIP.MAC.HardwareAddr(), EthernetType: layers.EthernetTypeIPv4},
			&ip, &tcp); err != nil {
			t.Fatal(err)
		}
		b.Frames, b.Metas, b.Pass = append(b.Frames, buf.Bytes()), append(b.Metas, 0), append(b.Pass, false)
	}
	return b
}

// park has the handler do with a batch what it does when every verdict is Hold.
func (j *judged) park(b *xsk.Batch) {
	j.Begin()
	reasons := j.reasons[:len(b.Frames)]
	for i := range reasons {
		reasons[i] = pipeline.Parked
	}
	j.act(b, reasons)
	j.counters.Add(reasons)
}

func TestHandlerPassesWhatTheTableAccepts(t *testing.T) {
	j := newJudged(t)
	for _, tt := range []struct {
		table *pipeline.Table
		pass  bool
		mac   config.MAC
	}{{j.others, false, queueVIP.MAC}, {j.mine, true, kernelNIC}, {j.others, false, queueVIP.MAC}} {
		j.tables.Store(tt.table)
		j.Begin()
		b := synBatch(t, 1000)
		j.Handle(b)
		if b.Pass[0] != tt.pass || config.MAC(b.Frames[0][:6]) != tt.mac {
			t.Errorf("passed %v to %x, want %v to %v", b.Pass[0], b.Frames[0][:6], tt.pass, tt.mac)
		}
	}
	if j.timeAsked != 3 {
		t.Errorf("the clock was asked %d times in three steps", j.timeAsked)
	}
}

func TestHandlerReleasesUnderTheNewTable(t *testing.T) {
	for _, tt := range []struct {
		name     string
		next     func(*judged) *pipeline.Table
		age      int64
		released int
		reason   pipeline.Reason
	}{
		{"confirmed", func(j *judged) *pipeline.Table { return j.mine }, int64(pipeline.LotAge), 3, pipeline.Accepted},
		{"taken away again", func(j *judged) *pipeline.Table { return pipeline.NewTable(j.others.Rules, nil) }, 0, 0, pipeline.NotServing},
		{"too late", func(j *judged) *pipeline.Table { return j.mine }, int64(pipeline.LotAge) + 1, 0, pipeline.Late},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := newJudged(t)
			b := synBatch(t, 1000, 1001, 1002, 1000)
			j.park(b)
			if b.Pass[0] || !j.Waiting() || j.lot.Len() != 3 || j.timeAsked != 1 {
				t.Fatalf("passed %v, %d parked, clock asked %d times", b.Pass, j.lot.Len(), j.timeAsked)
			}
			frame := make([]byte, 1792)
			j.Begin()
			if n := j.Release(frame); n != 0 {
				t.Fatalf("released %x while the table stayed", frame[:n])
			}
			j.tables.Store(tt.next(j))
			j.time += tt.age
			j.Begin()
			for i := range tt.released {
				n := j.Release(frame)
				want := b.Frames[i]
				if n != len(want) || config.MAC(frame[:6]) != kernelNIC || string(frame[6:n]) != string(want[6:]) {
					t.Errorf("released\n%x, want, to this machine,\n%x", frame[:n], want)
				}
			}
			if n := j.Release(frame); n != 0 || j.Waiting() {
				t.Errorf("released %d bytes more, waiting %v", n, j.Waiting())
			}
			d := datapath{fragments: pipeline.NewFragments(), queues: []*queue{{handler: handler{lot: j.lot}}}}
			d.queues[0].counters.Add([]pipeline.Reason{pipeline.Parked, pipeline.Parked, pipeline.Parked, pipeline.Parked})
			sum, asked := d.asked()
			if sum[pipeline.Parked] != 4 || sum[tt.reason] != 3 || asked != 4 {
				t.Errorf("asked %d, counted %v", asked, sum)
			}
		})
	}
}

func TestHandlerAllocatesNothing(t *testing.T) {
	j := newJudged(t)
	b := synBatch(t, 1000, 1001, 1002, 1003)
	frame := make([]byte, 1792)
	if n := testing.AllocsPerRun(100, func() {
		j.tables.Store(j.others)
		j.park(b)
		j.Handle(b)
		j.tables.Store(j.mine)
		j.Begin()
		for j.Release(frame) > 0 {
		}
	}); n != 0 {
		t.Errorf("%v allocations in a step, want 0", n)
	}
	if s := j.lot.Stats(); s.Released != 4*101 {
		t.Errorf("the run was not what it should be: %+v", s)
	}
}
