package config

import (
	"fmt"
	"net/netip"
	"testing"
)

// Every word of a table reads as a value that prints as the word.
func TestEnumWords(t *testing.T) {
	checkWords(t, protocols, "use tcp or udp", TCP, UDP)
	checkWords(t, vipModes, "use flood, multicast, igmp or directed", Flood, Multicast, IGMP, Directed)
	checkWords(t, affinities, "use client, session, network or packet", Client, Session, Network, Packet)
	checkWords(t, ruleModes, "use shared, single or block", ModeShared, ModeSingle, ModeBlock)
	checkWords(t, defaults, "use deny, pass or single", Deny, Pass, Single)
	checkWords(t, profiles, "use fast, fastest, lan or wan", Fast, Fastest, LAN, WAN)
	checkWords(t, offloads, "use none, reject or full", OffloadNone, OffloadReject, OffloadFull)
	checkWords(t, zeroCopies, "use auto, on or off", ZeroCopyAuto, ZeroCopyOn, ZeroCopyOff)
	checkWords(t, xdpModes, "use auto, native or generic", XDPAuto, XDPNative, XDPGeneric)
}

// Every hash function has a word, also that of files that have none.
func TestHashFunctionWords(t *testing.T) {
	for _, f := range []HashFunction{SipHash, Multilinear} {
		if got, ok := ParseHashFunction(f.String()); !ok || got != f {
			t.Errorf("%s reads as %s, %v", f, got, ok)
		}
	}
	if _, ok := ParseHashFunction("jhash"); ok {
		t.Error("jhash is a function")
	}
	if got, want := HashFunctionCure(), "use multilinear or siphash"; got != want {
		t.Errorf("cure %q, want %q", got, want)
	}
}

// enumValue is an enumeration's type.
type enumValue interface {
	~uint8
	fmt.Stringer
}

func checkWords[T enumValue](t *testing.T, e enum[T], cure string, values ...T) {
	t.Helper()
	if len(values) != len(e.words) {
		t.Errorf("%s: %d words for %d values", e.what, len(e.words), len(values))
	}
	for _, v := range values {
		if got, ok := e.parse(v.String()); !ok || got != v {
			t.Errorf("%s: %v reads as %v, %v", e.what, v, got, ok)
		}
	}
	for _, wrong := range []string{"", "no", T(0).String()} {
		if v, ok := e.parse(wrong); ok || v != 0 {
			t.Errorf("%s: %q reads as %v", e.what, wrong, v)
		}
	}
	if e.cure() != cure {
		t.Errorf("%s: cure %q, want %q", e.what, e.cure(), cure)
	}
}

func TestEnumUnknown(t *testing.T) {
	if got := fmt.Sprint(VIPMode(0), Protocol(1), Profile(9)); got != "VIP-mode(0) protocol(1) profile(9)" {
		t.Errorf("printed as %s", got)
	}
}

func TestFloodMAC(t *testing.T) {
	// The example of DESIGN §4.
	if got := FloodMAC(netip.MustParseAddr("192.168.56.20")).String(); got != "5a:fe:c0:a8:38:14" {
		t.Errorf("VMAC %s", got)
	}
	if got := FloodMAC(netip.MustParseAddr("2001:db8::102:304")).String(); got != "5a:fe:01:02:03:04" {
		t.Errorf("VMAC %s", got)
	}
}
