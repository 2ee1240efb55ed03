package cluster

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/memberlist"

	"thresher/config"
)

func exampleMeta() Meta {
	return Meta{
		Phase:   Up,
		MAC:     config.MAC{0x02, 0, 0, 0, 0, 0x0b},
		Digest:  0x0123456789abcdef,
		Gossip:  netip.MustParseAddrPort("192.0.2.11:7946"),
		Weights: []uint8{100, 0, 50},
	}
}

// TestMetaWireForm pins the layout byte for byte.
func TestMetaWireForm(t *testing.T) {
	const wire = "01" + "02" + "02000000000b" + "0123456789abcdef" +
		"00000000000000000000ffffc000020b" + "1f0a" + "0003" + "640032"
	b, err := exampleMeta().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b); got != wire {
		t.Errorf("encoded %s, want %s", got, wire)
	}
	m, err := DecodeMeta(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleMeta(), m, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

// networkMeta is a node's on two networks.
func networkMeta(t testing.TB) []byte {
	t.Helper()
	b, err := exampleMeta().on([]netip.AddrPort{netip.MustParseAddrPort("[2001:db8::11]:8000")}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMetaNetworksWireForm pins what the second version has behind the first.
func TestMetaNetworksWireForm(t *testing.T) {
	first, err := exampleMeta().Encode()
	if err != nil {
		t.Fatal(err)
	}
	b := networkMeta(t)
	want := "02" + hex.EncodeToString(first[1:]) + "01" + "20010db8000000000000000000000011" + "1f40"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("encoded %s, want %s", got, want)
	}
	m, err := DecodeMeta(b)
	if err != nil || len(m.Networks) != 1 || m.Networks[0] != netip.MustParseAddrPort("[2001:db8::11]:8000") {
		t.Errorf("decoded %v, %v", m.Networks, err)
	}
}

// TestMetaFits checks that the largest farm's metadata fits memberlist's limit.
func TestMetaFits(t *testing.T) {
	m := Meta{Phase: Stopped, Weights: equal(config.MaxRules, MaxWeight), Networks: make([]netip.AddrPort, config.MaxNetworks-1)}
	for i := range m.Networks {
		m.Networks[i] = netip.MustParseAddrPort("[2001:db8::11]:7946")
	}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > memberlist.MetaMaxSize {
		t.Errorf("%d bytes, want at most %d", len(b), memberlist.MetaMaxSize)
	}
}

func TestDecodeMetaRefuses(t *testing.T) {
	good, err := exampleMeta().Encode()
	if err != nil {
		t.Fatal(err)
	}
	networks := networkMeta(t)
	set := func(at int, v byte) []byte { b := slices.Clone(good); b[at] = v; return b }
	for _, tc := range []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"header cut", good[:metaHeader-1]},
		{"weights cut", good[:len(good)-1]},
		{"trailing byte", append(slices.Clone(good), 0)},
		{"version 0", set(0, 0)},
		{"phase 0", set(1, 0)},
		{"phase beyond the last", set(1, byte(Waiting)+1)},
		{"weight 101", set(metaHeader, 101)},
		{"weights cut in a later version", set(0, 3)[:len(good)-1]},
		{"weight 101 in a later version", append(set(0, 3)[:metaHeader], 101, 0, 0)},
		{"no number of networks", set(0, 2)},
		{"0 networks", append(set(0, 2), 0)},
		{"network cut", networks[:len(networks)-1]},
		{"network and a byte", append(slices.Clone(networks), 0)},
		{"network without a port", append(slices.Clone(networks[:len(networks)-2]), 0, 0)},
		{"network without an address", append(append(set(0, 2), 1), make([]byte, networkLen)...)},
		{"four networks more", append(append(set(0, 2), 4), bytes.Repeat([]byte{1}, 4*networkLen)...)},
		{"too many rules", append(append([]byte{1, 2}, make([]byte, 14+18)...), append([]byte{1, 1}, make([]byte, 257)...)...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := DecodeMeta(tc.b); !errors.Is(err, ErrMeta) {
				t.Errorf("error %v, want ErrMeta", err)
			}
		})
	}
}

func TestEncodeMetaRefuses(t *testing.T) {
	for name, m := range map[string]Meta{
		"no phase":       {},
		"unknown phase":  {Phase: 9},
		"weight 101":     {Phase: Up, Weights: []uint8{101}},
		"too many rules": {Phase: Up, Weights: make([]uint8, config.MaxRules+1)},
	} {
		if _, err := m.Encode(); !errors.Is(err, ErrMeta) {
			t.Errorf("%s: error %v, want ErrMeta", name, err)
		}
	}
}

// TestDecodeMetaOfLaterVersion plays the next release: a higher version, more
// bytes behind, perhaps a phase that is new.
func TestDecodeMetaOfLaterVersion(t *testing.T) {
	b, err := exampleMeta().Encode()
	if err != nil {
		t.Fatal(err)
	}
	b[0], b[1] = 3, 9
	m, err := DecodeMeta(append(b, "\x00something new"...))
	if err != nil {
		t.Fatal(err)
	}
	want := exampleMeta()
	want.Phase = 9
	if diff := cmp.Diff(want, m, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if got := m.Phase.String(); got != "phase(9)" {
		t.Errorf("phase %q", got)
	}
}

// FuzzDecodeMeta checks that whatever decodes is encoded again to the same bytes
// or, of a later version, to the known part of them.
func FuzzDecodeMeta(f *testing.F) {
	good, err := exampleMeta().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:metaHeader])
	f.Add(networkMeta(f))
	f.Add(append([]byte{3}, append(slices.Clone(networkMeta(f)[1:]), 7, 7)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMeta(b)
		if err != nil {
			if !errors.Is(err, ErrMeta) {
				t.Fatalf("error %v does not wrap ErrMeta", err)
			}
			return
		}
		again, err := m.Encode()
		if b[0] > metaNetworks && err != nil {
			return // a phase of a later release is not ours to send
		}
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again[1:], b[1:len(again)]) || b[0] <= metaNetworks && len(again) != len(b) {
			t.Fatalf("% x decodes, but is encoded as % x", b, again)
		}
	})
}
