package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// A newcomer listens at its own addresses where the member listens at its own, network by
// network, and nowhere that the member alone has.
func TestNewcomerListensAtItsOwn(t *testing.T) {
	const head = "node: {name: web1}\nvips: []\ncluster: {bind: [192.0.2.11, \"10.9.0.11:7946\"], join: []}\n"
	next := Newcomer{
		Node: "web2", Bind: netip.MustParseAddrPort("192.0.2.12:7946"), Further: []netip.AddrPort{netip.MustParseAddrPort("10.9.0.12:7946")},
		KeyFile: "/key", Users: "/users",
	}
	onOne := next
	onOne.Further = nil
	for _, tt := range []struct {
		name          string
		next          Newcomer
		listen        string
		listens, lost []string
		health, is    string
	}{
		{
			"its own", next, `[unix:///run/thresher/api.sock, "https://192.0.2.11:9453", "https://10.9.0.11", "http://127.0.0.1:9454", "https://0.0.0.0:9455"]`,
			[]string{"unix:///run/thresher/api.sock", "https://192.0.2.12:9453", "https://10.9.0.12:9453", "http://127.0.0.1:9454", "https://0.0.0.0:9455"}, nil,
			"10.9.0.11:9010", "10.9.0.12:9010",
		},
		{
			"another network's", next, `["https://198.51.100.11:9453", "https://192.0.2.11:9453"]`,
			[]string{"https://192.0.2.12:9453"}, []string{"api.listen https://198.51.100.11:9453", "health_listen 198.51.100.11:9010"},
			"198.51.100.11:9010", "",
		},
		{
			"a network that it has not", onOne, `"https://10.9.0.11:9453"`,
			nil, []string{"api.listen https://10.9.0.11:9453", "health_listen 10.9.0.11:9010"},
			"10.9.0.11:9010", "",
		},
		{
			"one that begins like it", next, `"https://192.0.2.110:9453"`,
			nil, []string{"api.listen https://192.0.2.110:9453"},
			"0.0.0.0:9010", "0.0.0.0:9010",
		},
	} {
		text := head + "health_listen: " + tt.health + "\napi: {users: /u, listen: " + tt.listen + "}\n"
		adopted, lost, err := tt.next.Adopt([]byte(text), netip.MustParseAddrPort("192.0.2.11:7946"))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		d, err := ReadDocument(adopted)
		if err != nil {
			t.Fatal(err)
		}
		var listens []string
		var health string
		d.Get(&listens, "api", "listen")
		d.Get(&health, "health_listen")
		if !slices.Equal(listens, tt.listens) || !slices.Equal(lost, tt.lost) || health != tt.is {
			t.Errorf("%s: listens at %q, health at %q, lost %q\n%s", tt.name, listens, health, lost, adopted)
		}
	}
}

// A newcomer's checks look at itself where the member's look at the member, and at others
// where those do.
func TestNewcomerChecksItself(t *testing.T) {
	const text = `node: {name: web1}
interface: eth0
cluster: {bind: [192.0.2.11, "[2001:db8::11]:7946"], join: []}
checks:
  - {name: a, type: tcp, target: "192.0.2.11:25"} # the mail server
  - {name: b, type: http, target: "https://[2001:db8::11]/health?of=192.0.2.11"}
  - {name: c, type: http, target: "http://192.0.2.11:80"}
  - {name: d, type: address, target: "2001:db8::11"}
  - {name: e, type: ping, target: 192.0.2.1}
  - {name: f, type: http, target: "http://127.0.0.1/192.0.2.11"}
  - {name: g, type: tcp, target: "192.0.2.111:25"}
  - {name: h, type: tcp, target: "www.example.org:25"}
  - {name: i, type: interface, interface: eth0}
  - {name: j, type: interface, interface: eth7}
`
	next := Newcomer{
		Node: "web2", Interface: "eth1", Bind: netip.MustParseAddrPort("192.0.2.12:7946"), Further: []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::12]:7946")},
		KeyFile: "/key",
	}
	adopted, _, err := next.Adopt([]byte(text), netip.MustParseAddrPort("192.0.2.11:7946"))
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(adopted), "checks:\n")
	const want = `  - {name: a, type: tcp, target: "192.0.2.12:25"} # the mail server
  - {name: b, type: http, target: "https://[2001:db8::12]/health?of=192.0.2.11"}
  - {name: c, type: http, target: "http://192.0.2.12:80"}
  - {name: d, type: address, target: "2001:db8::12"}
  - {name: e, type: ping, target: 192.0.2.1}
  - {name: f, type: http, target: "http://127.0.0.1/192.0.2.11"}
  - {name: g, type: tcp, target: "192.0.2.111:25"}
  - {name: h, type: tcp, target: "www.example.org:25"}
  - {name: i, type: interface, interface: eth1}
  - {name: j, type: interface, interface: eth7}
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
