package pipeline

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"thresher/config"
)

// randomRules gives every rule ports of its own, so that none overlap.
func randomRules(random *rand.Rand, vips []config.VIP, n int) []config.Rule {
	rules := make([]config.Rule, n)
	port := uint16(0)
	for i := range rules {
		r := &rules[i]
		r.Name = fmt.Sprint("rule", i)
		r.Protocol = []config.Protocol{config.TCP, config.UDP}[random.IntN(2)]
		r.Affinity = []config.Affinity{config.Client, config.Session}[random.IntN(2)]
		for _, v := range vips {
			if random.IntN(2) == 0 {
				r.VIPs = append(r.VIPs, v.Address)
			}
		}
		for range 1 + random.IntN(3) {
			first := port + 1 + uint16(random.IntN(40))
			port = first + uint16(random.IntN(3))
			r.Ports = append(r.Ports, config.PortRange{First: first, Last: port})
		}
	}
	return rules
}

func randomVIPs(n int) (vips []config.VIP) {
	for i := range n {
		a := [4]byte{198, 51, 100, byte(3 * i)}
		vips = append(vips, config.VIP{Address: netip.AddrFrom4(a), MAC: config.MAC{0x5a, 0xfe, a[0], a[1], a[2], a[3]}})
	}
	return vips
}

// TestClassesAgreeWithSearch holds the two look-ups against a search through
// the rules for every VIP and port.
func TestClassesAgreeWithSearch(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 16, 128} {
		vips := randomVIPs(4)
		rules := randomRules(random, vips, n)
		compiled, err := Compile(vips, rules, testKey, nicMAC)
		if err != nil {
			t.Fatal(err)
		}
		for v := range vips {
			for port := range 1 << 16 {
				want := slices.IndexFunc(rules, func(r config.Rule) bool {
					return r.Protocol == config.TCP && holds(&r, vips[v].Address, uint16(port))
				})
				got := int(compiled.TCP.find(v, uint16(port)))
				if got == RuleNone {
					got = -1
				}
				if got != want {
					t.Fatalf("%d rules, VIP %d, port %d: got rule %d, want %d", n, v, port, got, want)
				}
			}
		}
	}
}

func TestEveryVIPIsFound(t *testing.T) {
	vips := randomVIPs(config.MaxVIPs)
	table, err := newVIPTable(vips)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vips {
		a := v.Address.As4()
		if got, ok := table.find(uint32(a[0]) | uint32(a[1])<<8 | uint32(a[2])<<16 | uint32(a[3])<<24); !ok || got != i {
			t.Errorf("%s: got %d, %v", v.Address, got, ok)
		}
	}
	if _, ok := table.find(0x01020304); ok {
		t.Error("found an address that is no VIP")
	}
}

func TestPlaceIgnoresPortUnlessSession(t *testing.T) {
	rules, err := Compile(testVIPs, testRules, testKey, nicMAC)
	if err != nil {
		t.Fatal(err)
	}
	at := func(rule int, port uint16) uint16 {
		return rules.Place(netip.AddrPortFrom(client, port), rule).Bucket
	}
	if at(1, 1000) != at(1, 2000) {
		t.Error("affinity client: the port moves the client")
	}
	if at(0, 1000) == at(0, 2000) && at(0, 2000) == at(0, 3000) {
		t.Error("affinity session: the port does not count")
	}
}

func TestCompileRefusesWhatItCannotHold(t *testing.T) {
	for name, vips := range map[string][]config.VIP{
		"mapped":      {{Address: netip.MustParseAddr("::ffff:192.0.2.1")}},
		"with a zone": {{Address: netip.MustParseAddr("fe80::1%eth0")}},
		"none":        {{}},
		"too many":    randomVIPs(config.MaxVIPs + 1),
	} {
		if _, err := Compile(vips, nil, testKey, nicMAC); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
