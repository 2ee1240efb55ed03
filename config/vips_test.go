package config

import (
	"net/netip"
	"testing"
)

func TestBadVIPs(t *testing.T) {
	const one = "{address: 192.0.2.100}"
	const cureMAC = ": use a unicast Ethernet address such as 5a:fe:c0:00:02:64, or leave mac out"
	const cureGroup = ": use a multicast Ethernet address such as 03:bf:c0:00:02:64, or leave mac out"
	checkBad(t, []badCase{
		{"none", []string{"\n  - " + one, " []"},
			"2: interface: counts with VIPs alone, and vips is empty: leave it out, or give at least one shared address in vips\n" +
				"4: rules: counts with VIPs alone, and vips is empty: leave it out, or give at least one shared address in vips"},
		{"no address", []string{one, "{mode: flood}"}, "4: vips[0].address: is missing: give the shared address, such as 192.0.2.100"},
		{"host name", []string{"192.0.2.100", "www.example.org"},
			`4: vips[0].address: "www.example.org" is no IP address: write it as in 192.0.2.100 or 2001:db8::100, without prefix length and port`},
		{"prefix", []string{"192.0.2.100", "192.0.2.100/24"},
			`4: vips[0].address: "192.0.2.100/24" is no IP address: write it as in 192.0.2.100 or 2001:db8::100, without prefix length and port`},
		{"IPv6 link-local", []string{"192.0.2.100", `"fe80::1"`},
			"4: vips[0].address: fe80::1 is a link-local address, which every interface has its own of: " +
				"use a free global or unique local address of the interface's network, such as 2001:db8::100"},
		{"IPv6 with a zone", []string{"192.0.2.100", `"fe80::1%eth0"`},
			"4: vips[0].address: fe80::1%eth0 is a link-local address, which every interface has its own of: " +
				"use a free global or unique local address of the interface's network, such as 2001:db8::100"},
		{"IPv6 multicast", []string{"192.0.2.100", `"ff02::1"`},
			"4: vips[0].address: ff02::1 is no address of a host: use a free unicast address of the interface's network"},
		{"IPv6 loopback", []string{"192.0.2.100", `"::1"`},
			"4: vips[0].address: ::1 is no address of a host: use a free unicast address of the interface's network"},
		{"IPv6 unspecified", []string{"192.0.2.100", `"::"`},
			"4: vips[0].address: :: is no address of a host: use a free unicast address of the interface's network"},
		{"IPv4-compatible", []string{"192.0.2.100", `"::c000:264"`},
			"4: vips[0].address: ::c000:264 is no address of a host: use a free unicast address of the interface's network"},
		{"IPv4-mapped", []string{"192.0.2.100", `"::ffff:192.0.2.100"`},
			"4: vips[0].address: ::ffff:192.0.2.100 is an IPv4 address inside an IPv6 one: write 192.0.2.100"},
		{"IPv6 prefix", []string{"192.0.2.100", `"2001:db8::100/64"`},
			`4: vips[0].address: "2001:db8::100/64" is no IP address: write it as in 192.0.2.100 or 2001:db8::100, without prefix length and port`},
		{"IPv6 twice", []string{one, "{address: \"2001:db8::100\"}\n  - {address: \"2001:db8:0::100\"}"},
			"5: vips[1].address: 2001:db8::100 is already vips[0]: give each VIP once"},
		{"IPv6 with the same end", []string{one, "{address: \"2001:db8::100\"}\n  - {address: \"2001:db8:1::100\"}"},
			"5: vips[1].mac: 5a:fe:00:00:01:00 is already the MAC of 2001:db8::100: give each VIP its own"},
		{"IPv6 with an IPv4 VIP's end", []string{one, one + "\n  - {address: \"2001:db8::c000:264\"}"},
			"5: vips[1].mac: 5a:fe:c0:00:02:64 is already the MAC of 192.0.2.100: give each VIP its own"},
		{"multicast", []string{"192.0.2.100", "224.0.0.1"},
			"4: vips[0].address: 224.0.0.1 is no address of a host: use a free unicast address of the interface's network"},
		{"loopback", []string{"192.0.2.100", "127.0.0.1"},
			"4: vips[0].address: 127.0.0.1 is no address of a host: use a free unicast address of the interface's network"},
		{"twice", []string{one, one + "\n  - " + one}, "5: vips[1].address: 192.0.2.100 is already vips[0]: give each VIP once"},
		{"mode", []string{one, "{address: 192.0.2.100, mode: broadcast}"},
			`4: vips[0].mode: "broadcast" is no VIP mode: use flood, multicast, igmp or directed`},
		{"directed", []string{one, `{address: 192.0.2.100, mode: directed, mac: "5a:fe:c0:00:02:64"}`},
			"4: vips[0].mac: a VIP in mode directed has no MAC of its own: leave mac out: the director answers with the one of its interface"},
		{"multicast mac of a host", []string{one, `{address: 192.0.2.100, mode: multicast, mac: "5a:fe:c0:00:02:64"}`},
			"4: vips[0].mac: 5a:fe:c0:00:02:64 is no group address that every switch forwards" + cureGroup},
		{"multicast mac of everybody", []string{one, `{address: 192.0.2.100, mode: multicast, mac: "ff:ff:ff:ff:ff:ff"}`},
			"4: vips[0].mac: ff:ff:ff:ff:ff:ff is no group address that every switch forwards" + cureGroup},
		{"multicast mac of bridges", []string{one, `{address: 192.0.2.100, mode: multicast, mac: "01:80:c2:00:00:0e"}`},
			"4: vips[0].mac: 01:80:c2:00:00:0e is no group address that every switch forwards" + cureGroup},
		{"igmp mac", []string{one, `{address: 192.0.2.100, mode: igmp, mac: "01:00:5e:7f:00:01"}`},
			"4: vips[0].mac: 01:00:5e:7f:00:01 is not the address of a group that the nodes join: " +
				"leave mac out, or use 33:33:ef:ff:02:64, which is the MLD group's"},
		{"igmp group of another", []string{one, "{address: 192.0.2.100, mode: igmp}\n  - {address: 198.51.2.100, mode: igmp}"},
			"5: vips[1].mac: 01:00:5e:7f:02:64 is already the MAC of 192.0.2.100: give each VIP its own: " +
				"in mode igmp their addresses must differ in the last two bytes, or one has mode multicast"},
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

func TestVMACs(t *testing.T) {
	type macs struct {
		flood, multicast, igmp, mld string
		group4, group6              string
	}
	for vip, want := range map[string]macs{
		"192.168.56.20": {"5a:fe:c0:a8:38:14", "03:bf:c0:a8:38:14", "01:00:5e:7f:38:14", "33:33:ef:ff:38:14", "239.255.56.20", "ff15::efff:3814"},
		"2001:db8::1:2:304": {"5a:fe:00:02:03:04", "03:bf:00:02:03:04", "01:00:5e:7f:03:04", "33:33:ef:ff:03:04", "239.255.3.4",
			"ff15::efff:304"},
	} {
		a := netip.MustParseAddr(vip)
		got := macs{FloodMAC(a).String(), MulticastMAC(a).String(), IGMPMAC(a).String(), mldMAC(a).String(),
			groupOf4(a).String(), groupOf6(a).String()}
		if got != want {
			t.Errorf("%s: %v, want %v", vip, got, want)
		}
	}
}

func TestVIPModes(t *testing.T) {
	for mode, want := range map[string]string{
		"mode: flood": "5a:fe:c0:00:02:64", "mode: multicast": "03:bf:c0:00:02:64", "mode: igmp": "01:00:5e:7f:02:64",
		"mode: directed": "00:00:00:00:00:00", // the director's own, whoever that is
		`mode: multicast, mac: "03:bf:00:00:00:01"`: "03:bf:00:00:00:01",
		`mode: igmp, mac: "33:33:ef:ff:02:64"`:      "33:33:ef:ff:02:64",
	} {
		c, err := Parse("f.yaml", []byte(with(t, "{address: 192.0.2.100}", "{address: 192.0.2.100, "+mode+"}")), noEnv())
		if err != nil {
			t.Errorf("%s: %v", mode, err)
		} else if got := c.VIPs[0].MAC.String(); got != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
	}
}

func TestIPv6VIPs(t *testing.T) {
	for text, mac := range map[string]string{
		"2001:db8::100":            "5a:fe:00:00:01:00",
		"2001:DB8:0:0:0:0:c0a8:38": "5a:fe:c0:a8:00:38",
		"fd00:198:18::1":           "5a:fe:00:00:00:01",
		"64:ff9b::192.0.2.33":      "5a:fe:c0:00:02:21",
	} {
		p := &problems{}
		vip := p.vip("vips[0]", rawVIP{Address: text})
		if len(p.list) != 0 || vip.Address != netip.MustParseAddr(text) || vip.MAC.String() != mac {
			t.Errorf("%s: %+v, %v; want the address with %s", text, vip, p.list, mac)
		}
	}
}
