package config

import (
	"net/netip"
	"slices"
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
