package pipeline

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"thresher/config"
)

// TestEveryIPv6VIPIsFound looks for VIPs as operators number them, and for none that
// differs from one of them in a bit.
func TestEveryIPv6VIPIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 6))
	for name, address := range map[string]func(i uint64) (network, host uint64){
		"neighbours":                     func(i uint64) (uint64, uint64) { return 0x20010db8_00000000, i + 1 },
		"a network each":                 func(i uint64) (uint64, uint64) { return 0x20010db8_00000000 + i, 1 },
		"network and host count as one":  func(i uint64) (uint64, uint64) { return 0x20010db8_00000000 + i, i },
		"network and host against":       func(i uint64) (uint64, uint64) { return 0x20010db8_00000000 + i, 64 - i },
		"eight networks with eight each": func(i uint64) (uint64, uint64) { return 0x20010db8_00000000 + i/8, i % 8 },
		"two networks": func(i uint64) (uint64, uint64) {
			return 0x20010db8_00000000 + random.Uint64N(2), 4*i + random.Uint64N(4)
		},
		"network in the last bits": func(i uint64) (uint64, uint64) { return (i + 1) << 40, (i + 1) << 56 },
		"random":                   func(uint64) (uint64, uint64) { return 0x20010db8_00000000, random.Uint64() },
	} {
		t.Run(name, func(t *testing.T) {
			var vips []config.VIP
			for i := range uint64(config.MaxVIPs) {
				network, host := address(i)
				var a [16]byte
				binary.BigEndian.PutUint64(a[:], network)
				binary.BigEndian.PutUint64(a[8:], host)
				vips = append(vips, config.VIP{Address: netip.AddrFrom16(a)})
			}
			table, err := newVIPTable6(vips)
			if err != nil {
				t.Fatal(err)
			}
			number := make(map[netip.Addr]int)
			for i, v := range vips {
				number[v.Address] = i
			}
			for i, v := range vips {
				a := v.Address.As16()
				if got, ok := table.find(address6(a[:])); !ok || got != i {
					t.Errorf("%s: got %d, %v", v.Address, got, ok)
				}
				for bit := range 128 {
					near := a
					near[bit/8] ^= 1 << (bit % 8)
					want, is := number[netip.AddrFrom16(near)]
					if got, ok := table.find(address6(near[:])); ok != is || ok && got != want {
						t.Errorf("%s: got %d, %v", netip.AddrFrom16(near), got, ok)
					}
				}
			}
			if _, ok := table.find(0, 0); ok {
				t.Error("found :: in an empty slot")
			}
		})
	}
}

// TestFamiliesShareNumbers: a VIP's number is its place among all, and a rule of one
// family's VIP holds for no other's.
func TestFamiliesShareNumbers(t *testing.T) {
	rules := []config.Rule{
		{Name: "six", Protocol: config.TCP, VIPs: []netip.Addr{vip6.Address}, Ports: []config.PortRange{{First: 80, Last: 80}}},
		{Name: "four", Protocol: config.TCP, VIPs: []netip.Addr{vipB.Address}, Ports: []config.PortRange{{First: 80, Last: 80}}},
	}
	r, err := Compile([]config.VIP{vipA, vip6, vipB}, rules, testKey, nicMAC)
	if err != nil {
		t.Fatal(err)
	}
	for vip, want := range map[netip.Addr]int{vip6.Address: 0, vipB.Address: 1, vipA.Address: -1, client6: -1} {
		if got, ok := r.Find(config.TCP, vip, 80); ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: rule %d, %v, want %d", vip, got, ok, want)
		}
	}
	if _, ok := r.Find(config.TCP, netip.Addr{}, 80); ok {
		t.Error("no address has a rule")
	}
}
