package pipeline

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

// table6 is testTable with a VIP of IPv6.
func table6(t testing.TB, all bool) *Table {
	t.Helper()
	rules, err := Compile([]config.VIP{vip6}, testRules[2:], testKey, nicMAC)
	if err != nil {
		t.Fatal(err)
	}
	part := &Part{}
	for b := range Buckets {
		if all {
			part.Mine.Set(uint16(b))
		}
	}
	return NewTable(rules, &Share{Rules: []*Part{part}, Echo: part})
}

// parts cuts a packet's IP payload into fragments of so many bytes.
func parts(t testing.TB, f *frame, size int) [][]byte {
	t.Helper()
	f.ip.Flags = 0
	whole := f.bytes(t)
	header, payload := whole[:ethernetLen+ipv4MinLen], whole[ethernetLen+ipv4MinLen:]
	var all [][]byte
	for at := 0; at < len(payload); at += size {
		end := min(at+size, len(payload))
		b := append(bytes.Clone(header), payload[at:end]...)
		fields := uint16(at / 8)
		if end < len(payload) {
			fields |= 0x2000
		}
		binary.BigEndian.PutUint16(b[16:], uint16(len(b)-ethernetLen))
		binary.BigEndian.PutUint16(b[20:], fields)
		all = append(all, resum(b))
	}
	return all
}

// resum writes the IPv4 header's checksum anew.
func resum(b []byte) []byte {
	ip := b[ethernetLen:]
	header := ip[:int(ip[0]&15)*4]
	header[10], header[11] = 0, 0
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum+sum>>16))
	return b
}

func bigUDP(port uint16, length int) *frame {
	f := udpFrame(port, 53)
	f.data = bytes.Repeat([]byte("datagram"), length/8)
	return f
}

const ms = int64(time.Millisecond)

func at(now int64) Lease { return Lease{Now: now, Deadline: now + 1} }

// run takes frames a millisecond apart and releases what may go; it returns how
// many of them were let in.
func run(t *testing.T, f *Fragments, table *Table, frames [][]byte) (in int, reasons []Reason) {
	t.Helper()
	dst := make([]byte, FragmentLen)
	for i, b := range frames {
		if got := table.Judge(b, Facts{}, goodLease); got != Fragment {
			t.Fatalf("frame %d: judged %s alone", i, got)
		}
		r := f.Take(table, b, Facts{}, at(int64(i)*ms))
		reasons = append(reasons, r)
		if r.Verdict() == Accept {
			in++
		}
		for f.Release(table, at(int64(i)*ms), dst) > 0 {
			in++
		}
	}
	return in, reasons
}

func TestFragmentsFollowTheFirst(t *testing.T) {
	orders := map[string]func([][]byte) [][]byte{
		"in order":   func(p [][]byte) [][]byte { return p },
		"reversed":   func(p [][]byte) [][]byte { slices.Reverse(p); return p },
		"duplicated": func(p [][]byte) [][]byte { return append(p, p...) },
		"shuffled": func(p [][]byte) [][]byte {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
			return p
		},
	}
	for name, order := range orders {
		for _, mine := range []bool{true, false} {
			f, table := NewFragments(), testTable(t, mine)
			frames := order(parts(t, bigUDP(40000, 60000), 1480))
			in, reasons := run(t, f, table, frames)
			if want := len(frames); mine && in != want || !mine && in != 0 {
				t.Errorf("%s, mine %v: %d of %d let in", name, mine, in, want)
			}
			if f.Waiting() {
				t.Errorf("%s, mine %v: something still waits", name, mine)
			}
			if last := reasons[len(reasons)-1]; name == "in order" && (mine && last != Accepted || !mine && last != NotMine) {
				t.Errorf("%s, mine %v: the last one is %s", name, mine, last)
			}
		}
	}
}

func TestFragmentsOfEveryKind(t *testing.T) {
	ping := icmpFrame(layers.ICMPv4TypeEchoRequest)
	ping.data = make([]byte, 4000)
	segment := tcpFrame(40000, 80)
	segment.data = make([]byte, 4000)
	denied := udpFrame(40000, 54)
	denied.data = make([]byte, 4000)
	for name, tc := range map[string]struct {
		frame *frame
		want  Reason
	}{"ping": {ping, AcceptedEcho}, "syn with data": {segment, Accepted}, "no rule": {denied, NoRule}} {
		_, reasons := run(t, NewFragments(), testTable(t, true), parts(t, tc.frame, 1480))
		for i, r := range reasons {
			if r != tc.want {
				t.Errorf("%s: part %d is %s, want %s", name, i, r, tc.want)
			}
		}
	}
}

// TestFragmentThatIsNone: what is not fit to be remembered changes nothing.
func TestFragmentThatIsNone(t *testing.T) {
	for name, edit := range map[string]func([]byte) []byte{
		"wrong checksum": func(b []byte) []byte { b[24] ^= 1; return b },
		"past 64 kB": func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[20:], 0x1fff)
			return resum(b)
		},
		"over tcp's flags": func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[20:], 1)
			b[23] = 6
			return resum(b)
		},
		"cut short": func(b []byte) []byte { return b[:40] },
	} {
		f, table := NewFragments(), testTable(t, true)
		all := parts(t, bigUDP(40000, 4000), 1480)
		if got := f.Take(table, edit(bytes.Clone(all[1])), Facts{}, at(1)); got != Malformed {
			t.Errorf("%s: %s", name, got)
		}
		if f.Waiting() {
			t.Errorf("%s: it waits", name)
		}
		// A first one that is damaged must not decide about the others either.
		bad := bytes.Clone(all[0])
		bad[24] ^= 1
		if got := f.Take(table, bad, Facts{}, at(2)); got != Malformed {
			t.Errorf("%s: a damaged first one: %s", name, got)
		}
		if got := f.Take(table, all[1], Facts{}, at(3)); got != Fragment {
			t.Errorf("%s: after it, the second one: %s", name, got)
		}
	}
	// Too short for its transport header: nobody can tell its ports (RFC 1858 §3.1).
	f, table := NewFragments(), testTable(t, true)
	if _, reasons := run(t, f, table, parts(t, tcpFrame(40000, 80).change(func(f *frame) { f.data = make([]byte, 64) }), 8)); !slices.Equal(reasons[:3], []Reason{Malformed, Malformed, Malformed}) {
		t.Errorf("tiny fragments: %v", reasons)
	}
}

func TestFragmentsWaitForAMoment(t *testing.T) {
	f, table := NewFragments(), testTable(t, true)
	all := parts(t, bigUDP(40000, 8000), 1480)
	dst := make([]byte, FragmentLen)
	for _, b := range all[1:] {
		if got := f.Take(table, b, Facts{}, at(0)); got != Fragment {
			t.Fatal(got)
		}
	}
	late := int64(FragmentWait) + 100*ms
	if n := f.Release(table, at(late), dst); n != 0 || f.Waiting() {
		t.Errorf("released %d bytes after %v; waiting %v", n, time.Duration(late), f.Waiting())
	}
	var sum [ReasonLen]uint64
	if f.AddTo(&sum); sum[Orphan] != uint64(len(all)-1) {
		t.Errorf("%d orphans, want %d", sum[Orphan], len(all)-1)
	}
	// The verdict lives longer than what waits, and ends too.
	if got := f.Take(table, all[0], Facts{}, at(late)); got != Accepted {
		t.Fatal(got)
	}
	if got := f.Take(table, all[1], Facts{}, at(late+int64(FragmentLife))); got != Accepted {
		t.Errorf("at the end of the verdict's life: %s", got)
	}
	if got := f.Take(table, all[1], Facts{}, at(late+int64(FragmentLife)+ms)); got != Fragment {
		t.Errorf("after the verdict's life: %s", got)
	}
}

// TestFragmentsAreBounded: a flood of parts without a first neither takes more
// room nor keeps verdicts from others for good.
func TestFragmentsAreBounded(t *testing.T) {
	f, table := newFragments(64, 16), testTable(t, true)
	full := 0
	for i := range 1000 {
		b := parts(t, bigUDP(40000, 3000), 1480)[1]
		binary.BigEndian.PutUint16(b[18:], uint16(i))
		switch got := f.Take(table, resum(b), Facts{}, at(ms)); got {
		case ParkFull:
			full++
		case Fragment:
		default:
			t.Fatalf("part %d: %s", i, got)
		}
	}
	if n := f.waiting.Load(); full == 0 || n > 16 {
		t.Errorf("%d wait, %d found no room", n, full)
	}
	in, _ := run(t, f, table, parts(t, bigUDP(40001, 60000), 1480))
	if in != 41 {
		t.Errorf("beside the flood, %d of 41 parts were let in", in)
	}
	if n := f.Release(table, at(int64(time.Second)), make([]byte, FragmentLen)); n != 0 || f.Waiting() {
		t.Errorf("a second later, %d wait", f.waiting.Load())
	}
	taken := 0
	for i := f.frames.free.head; i != none; i = f.frames.at(i).next {
		taken++
	}
	if taken != 16 {
		t.Errorf("%d of 16 places are free", taken)
	}
}

// TestFragmentsWaitForABucket: a first one in a bucket that this node is about to
// get waits, with the others, and goes first.
func TestFragmentsWaitForABucket(t *testing.T) {
	mine := testTable(t, true)
	about := &Part{}
	for b := range Buckets {
		about.Ask.Set(uint16(b))
	}
	gaining := NewTable(mine.Rules, &Share{Rules: []*Part{about, about, about}, Echo: about})
	for name, tc := range map[string]struct {
		table *Table
		lease Lease
		want  int
		last  Reason
	}{
		"gained":         {mine, at(20 * ms), 6, Accepted},
		"lost":           {testTable(t, false), at(20 * ms), 0, NotMine},
		"without lease":  {mine, Lease{Now: 20 * ms}, 0, Fragment},
		"still to come":  {gaining, at(20 * ms), 0, Fragment},
		"after too long": {mine, at(int64(FragmentWait) + 50*ms), 0, Late},
	} {
		f := NewFragments()
		all := parts(t, bigUDP(40000, 8000), 1480)
		slices.Reverse(all)
		if in, reasons := run(t, f, gaining, all); in != 0 || slices.ContainsFunc(reasons, func(r Reason) bool { return r != Fragment }) {
			t.Fatalf("%s: %d let in at once, %v", name, in, reasons)
		}
		f.Review()
		dst := make([]byte, FragmentLen)
		in := 0
		for n := f.Release(tc.table, tc.lease, dst); n > 0; n = f.Release(tc.table, tc.lease, dst) {
			if first := binary.BigEndian.Uint16(dst[20:])&offsetMask4 == 0; first != (in == 0) {
				t.Errorf("%s: the first one does not come first", name)
			}
			in++
		}
		if in != tc.want {
			t.Errorf("%s: %d let in, want %d", name, in, tc.want)
		}
		var sum [ReasonLen]uint64
		if f.AddTo(&sum); tc.last != Fragment && sum[tc.last] == 0 {
			t.Errorf("%s: none left as %s: %v", name, tc.last, sum)
		}
		if waits := tc.last == Fragment; f.Waiting() != waits {
			t.Errorf("%s: waiting is %v", name, f.Waiting())
		}
	}
}

func TestFragmentsAllocateNothing(t *testing.T) {
	f, table := NewFragments(), testTable(t, true)
	frames := parts(t, bigUDP(40000, 60000), 1480)
	slices.Reverse(frames)
	dst := make([]byte, FragmentLen)
	if n := testing.AllocsPerRun(50, func() {
		for _, b := range frames {
			f.Take(table, b, Facts{}, goodLease)
		}
		for f.Release(table, goodLease, dst) > 0 {
		}
	}); n != 0 {
		t.Errorf("%v allocations for a datagram, want 0", n)
	}
}

// FuzzFragments feeds arbitrary frames in pairs: nothing panics, and what comes out
// is what went in.
func FuzzFragments(f *testing.F) {
	all := parts(f, bigUDP(40000, 4000), 1480)
	for i := range all {
		f.Add(all[i], all[(i+1)%len(all)])
	}
	table := testTable(f, true)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		frags := newFragments(4, 2)
		dst := make([]byte, FragmentLen)
		for i, frame := range [][]byte{b, a, b, a} {
			before := bytes.Clone(frame)
			frags.Take(table, frame, Facts{}, at(int64(i)*ms))
			if !bytes.Equal(before, frame) {
				t.Fatal("a frame was changed")
			}
			for n := frags.Release(table, at(int64(i)*ms), dst); n > 0; n = frags.Release(table, at(int64(i)*ms), dst) {
				if !bytes.Equal(dst[:n], a) && !bytes.Equal(dst[:n], b) {
					t.Fatal("another frame came out than went in")
				}
			}
		}
	})
}

// parts6 cuts a packet over IPv6 into fragments (RFC 8200 §4.5).
func parts6(t testing.TB, id uint32, payload []byte, size int) [][]byte {
	t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolIPv6Fragment,
		SrcIP: net.ParseIP("2001:db8::7"), DstIP: net.IP(vip6.Address.AsSlice())}
	udp := &layers.UDP{SrcPort: 40000, DstPort: 53}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	whole := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(whole, options, udp, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for at := 0; at < len(whole.Bytes()); at += size {
		end := min(at+size, len(whole.Bytes()))
		header := make([]byte, 8)
		header[0] = 17
		field := uint16(at)
		if end < len(whole.Bytes()) {
			field |= 1
		}
		binary.BigEndian.PutUint16(header[2:], field)
		binary.BigEndian.PutUint32(header[4:], id)
		buf := gopacket.NewSerializeBuffer()
		eth := &layers.Ethernet{SrcMAC: clientMAC.HardwareAddr(), DstMAC: vip6.MAC.HardwareAddr(), EthernetType: layers.EthernetTypeIPv6}
		if err := gopacket.SerializeLayers(buf, options, eth, ip, gopacket.Payload(header), gopacket.Payload(whole.Bytes()[at:end])); err != nil {
			t.Fatal(err)
		}
		all = append(all, buf.Bytes())
	}
	return all
}

func TestFragmentsOverIPv6(t *testing.T) {
	for _, mine := range []bool{true, false} {
		f, table := NewFragments(), table6(t, mine)
		all := parts6(t, 7, make([]byte, 60000), 1448)
		slices.Reverse(all)
		in, _ := run(t, f, table, all)
		if want := len(all); mine && in != want || !mine && in != 0 {
			t.Errorf("mine %v: %d of %d let in", mine, in, want)
		}
		// Another datagram: only the identification tells.
		if got := f.Take(table, parts6(t, 8, make([]byte, 4000), 1448)[1], Facts{}, at(100*ms)); got != Fragment {
			t.Errorf("mine %v: a part of another datagram is %s", mine, got)
		}
	}
}
