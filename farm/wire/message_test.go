package wire

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"thresher/cluster/confirm"
	"thresher/config"
)

var (
	vip4 = config.VIP{Address: netip.MustParseAddr("192.0.2.100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 100}}
	vip6 = config.VIP{Address: netip.MustParseAddr("2001:db8::100"), Mode: config.IGMP, MAC: config.MAC{1, 0, 0x5e, 0x7f, 1, 0}}
	nic  = config.MAC{2, 0, 0, 0, 0, 1}

	equalAddresses = cmpopts.EquateComparable(netip.Addr{})
)

func fullReport() Report {
	r := Report{From: 1 << 63, Name: strings.Repeat("n", maxName), Digest: 42, Address: netip.MustParseAddr("192.0.2.11"), Asks: true}
	for i := range maxSent {
		r.Sent = append(r.Sent, Sent{uint8(i), uint32(i) << 20})
	}
	for i := range MaxSeen {
		r.Seen = append(r.Seen, Seen{uint8(i), ID(i), uint32(i), 3})
	}
	return r
}

func TestMessagesComeBack(t *testing.T) {
	for _, want := range []Report{{From: 1, Name: "a", Address: netip.MustParseAddr("2001:db8::1")}, fullReport()} {
		b := want.Append(nil)
		got, err := DecodeReport(append(b, "a later release's"...))
		if diff := cmp.Diff(want, got, equalAddresses); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		for n := range b {
			if _, err := DecodeReport(b[:n]); err == nil {
				t.Errorf("%d of %d bytes accepted", n, len(b))
			}
		}
		if len(b) > 1400-41 {
			t.Errorf("%d bytes", len(b))
		}
	}
	probe := Probe{From: 5, VIP: vip4.Address, Seq: 9}
	if got, err := DecodeProbe(probe.Append(nil)); got != probe || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := DecodeProbe(fullReport().Append(nil)); err == nil {
		t.Error("a report was taken for a probe")
	}
}

// TestReceive: a probe is taken as it was sent and as the kernel program leaves it,
// with Ethernet's padding; frames of others, changed or cut ones are not.
func TestReceive(t *testing.T) {
	c := testConn(t, 1)
	for _, vip := range []config.VIP{vip4, vip6} {
		want := Probe{From: 77, VIP: vip.Address, Seq: 3}
		from := netip.IPv4Unspecified()
		if vip.Address.Is6() {
			from = netip.IPv6Unspecified()
		}
		sent := appendProbe(nil, vip, config.MAC{2, 0, 0, 0, 0, 9}, from, c.sealer.SealBytes(nil, want.Append(nil)))
		changed := append(append([]byte{}, sent...), 0, 0, 0)
		changed[12], changed[13] = EtherType>>8, EtherType&0xff
		for _, frame := range [][]byte{sent, changed} {
			if got := c.probes(frame); len(got) != 1 || got[0] != want {
				t.Errorf("%v", got)
			}
		}
		for i := headerLen; i < len(sent); i++ {
			if got := c.probes(sent[:i]); len(got) > 0 {
				t.Errorf("%d bytes: %v", i, got)
			}
		}
		if got := testConn(t, 2).probes(sent); len(got) > 0 {
			t.Errorf("another farm's: %v", got)
		}
		other := vip
		other.Address = other.Address.Next()
		forged := appendProbe(nil, other, config.MAC{2, 0, 0, 0, 0, 9}, from, c.sealer.SealBytes(nil, want.Append(nil)))
		if got := c.probes(forged); len(got) > 0 {
			t.Errorf("for another VIP: %v", got)
		}
	}
	if sum := checksum(appendIPv4(nil, netip.MustParseAddr("192.0.2.1"), vip4.Address, 50)); sum != 0 {
		t.Errorf("checksum %x", sum)
	}
}

// Forged frames are tried a few times, and those of a member go on being heard; of a
// member that nobody has heard yet if others' addresses are forged.
func TestForgedFramesAreNotAllTried(t *testing.T) {
	c, member, fresh, stranger := testConn(t, 1), testConn(t, 1), testConn(t, 1), testConn(t, 2)
	want := Probe{From: 5, VIP: vip4.Address, Seq: 1}
	from := netip.MustParseAddr("192.0.2.1")
	by := func(who *Conn, mac byte) []byte {
		return appendProbe(nil, vip4, config.MAC{2, 0, 0, 0, 0, mac}, from, who.sealer.SealBytes(nil, want.Append(nil)))
	}
	if len(c.probes(by(member, 9))) != 1 {
		t.Fatal("a member's probe is not heard")
	}
	for range 100 {
		c.probes(by(stranger, 9))
	}
	for _, one := range []struct {
		whose string
		frame []byte
		heard int
	}{
		{"a member", by(member, 9), 1}, {"a new one under a forged address", by(fresh, 9), 0}, {"a new one", by(fresh, 10), 1},
	} {
		if n := len(c.probes(one.frame)); n != one.heard {
			t.Errorf("%s: %d heard, want %d", one.whose, n, one.heard)
		}
	}
}

func testConn(t testing.TB, key byte) *Conn {
	t.Helper()
	sealer, err := confirm.NewSealer([32]byte{key})
	if err != nil {
		t.Fatal(err)
	}
	return &Conn{nic: nic, sealer: sealer, opener: confirm.NewOpener([32]byte{key})}
}

func (c *Conn) probes(frame []byte) (all []Probe) {
	c.take(frame, func(p Probe) { all = append(all, p) }, func(Report, config.MAC) {})
	return all
}

func FuzzDecode(f *testing.F) {
	f.Add(fullReport().Append(nil))
	f.Add(Report{From: 1, Name: "a"}.Append(nil))
	f.Add(Probe{From: 5, VIP: vip4.Address, Seq: 9}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeReport(b); err == nil {
			again, err := DecodeReport(r.Append(nil))
			if diff := cmp.Diff(r, again, equalAddresses); diff != "" || err != nil {
				t.Errorf("%v (-first +again):\n%s", err, diff)
			}
		}
		if p, err := DecodeProbe(b); err == nil {
			if again, err := DecodeProbe(p.Append(nil)); again != p || err != nil {
				t.Errorf("%+v, again %+v, %v", p, again, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(appendProbe(nil, vip4, nic, netip.IPv4Unspecified(), []byte("sealed")))
	f.Add(appendProbe(nil, vip6, nic, netip.IPv6Unspecified(), []byte("sealed")))
	f.Add(append(appendHeader(nil, everybody, nic, EtherType), "\x01sealed"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, ok := parse(b); ok && len(got.sealed) > len(b)-headerLen {
			t.Errorf("%d sealed bytes of %d", len(got.sealed), len(b))
		}
	})
}
