package config

import (
	"testing"
)

func TestBadVIPs(t *testing.T) {
	const one = "{address: 192.0.2.100}"
	const cureMAC = ": use a unicast Ethernet address such as 5a:fe:c0:00:02:64, or leave mac out"
	checkBad(t, []badCase{
		{"none", []string{"\n  - " + one, " []"}, "3: vips: is empty: give at least one shared address, such as `- address: 192.0.2.100`"},
		{"no address", []string{one, "{mode: flood}"}, "4: vips[0].address: is missing: give the shared address, such as 192.0.2.100"},
		{"host name", []string{"192.0.2.100", "www.example.org"},
			`4: vips[0].address: "www.example.org" is no IP address: write it as in 192.0.2.100, without prefix length and port`},
		{"prefix", []string{"192.0.2.100", "192.0.2.100/24"},
			`4: vips[0].address: "192.0.2.100/24" is no IP address: write it as in 192.0.2.100, without prefix length and port`},
		{"IPv6", []string{"192.0.2.100", `"2001:db8::1"`},
			"4: vips[0].address: 2001:db8::1 is an IPv6 address, and VIPs are IPv4 so far: give an IPv4 address"},
		{"multicast", []string{"192.0.2.100", "224.0.0.1"},
			"4: vips[0].address: 224.0.0.1 is no address of a host: use a free unicast address of the interface's network"},
		{"loopback", []string{"192.0.2.100", "127.0.0.1"},
			"4: vips[0].address: 127.0.0.1 is no address of a host: use a free unicast address of the interface's network"},
		{"twice", []string{one, one + "\n  - " + one}, "5: vips[1].address: 192.0.2.100 is already vips[0]: give each VIP once"},
		{"mode", []string{one, "{address: 192.0.2.100, mode: multicast}"}, `4: vips[0].mode: "multicast" is no VIP mode: use flood`},
		{"mac text", []string{one, "{address: 192.0.2.100, mac: 5a-fe}"}, `4: vips[0].mac: "5a-fe" is no Ethernet address` + cureMAC},
		{"mac of 8 bytes", []string{one, `{address: 192.0.2.100, mac: "02:00:5e:10:00:00:00:01"}`},
			`4: vips[0].mac: "02:00:5e:10:00:00:00:01" is no Ethernet address` + cureMAC},
		{"mac group", []string{one, "{address: 192.0.2.100, mac: 11:22:33:44:55:56}"},
			"4: vips[0].mac: 11:22:33:44:55:56 is a group address" + cureMAC},
		{"mac zero", []string{one, `{address: 192.0.2.100, mac: "00:00:00:00:00:00"}`},
			"4: vips[0].mac: 00:00:00:00:00:00 is the zero address" + cureMAC},
		{"mac of another", []string{one, one + "\n  - {address: 192.0.2.101, mac: 5a:fe:c0:00:02:64}"},
			"5: vips[1].mac: 5a:fe:c0:00:02:64 is already the MAC of 192.0.2.100: give each VIP its own"},
	})
}
