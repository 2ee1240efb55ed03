package config

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadCluster(t *testing.T) {
	const cure = ": use a node's own IP address, with or without a port, such as 192.0.2.11:7946"
	const join = "insecure: true\n  join: "
	checkBad(t, []badCase{
		{"no bind", []string{"  bind: 192.0.2.11\n", ""}, "8: cluster.bind: is missing: give this node's own address, such as 192.0.2.11"},
		{"bind host name", []string{"192.0.2.11\n", "web1:7946\n"}, `9: cluster.bind: "web1:7946" is no address of a node` + cure},
		{"bind everywhere", []string{"192.0.2.11\n", "0.0.0.0\n"}, "9: cluster.bind: 0.0.0.0 is no address of a single node" + cure},
		{"bind VIP", []string{"192.0.2.11\n", "192.0.2.100\n"}, "9: cluster.bind: 192.0.2.100 is a VIP" + cure},
		{"bind port 0", []string{"192.0.2.11\n", "192.0.2.11:0\n"}, "9: cluster.bind: port 0 is out of range: use 1 to 65535"},
		{"bind port 70000", []string{"192.0.2.11\n", "192.0.2.11:70000\n"}, `9: cluster.bind: "192.0.2.11:70000" is no address of a node` + cure},
		{"bind list without any", []string{"192.0.2.11\n", "[]\n"}, "9: cluster.bind: is empty: give this node's own address, such as 192.0.2.11"},
		{"bind list with a host name", []string{"192.0.2.11\n", "[192.0.2.11, web1]\n"}, `9: cluster.bind[1]: "web1" is no address of a node` + cure},
		{"bind list with a VIP", []string{"192.0.2.11\n", "[192.0.2.11, 192.0.2.100]\n"}, "9: cluster.bind[1]: 192.0.2.100 is a VIP" + cure},
		{"bind list with a mapping", []string{"192.0.2.11\n", "[192.0.2.11, {a: b}]\n"}, "9: cluster.bind[1]: is not a single value: write one value in each entry of the list"},
		{"bind twice", []string{"192.0.2.11\n", "[192.0.2.11, \"192.0.2.11:8000\"]\n"},
			"9: cluster.bind[1]: 192.0.2.11 stands twice: give this node's address on another network, or leave it out"},
		{"bind loopback", []string{"bind: 192.0.2.11\n", "bind: 127.0.0.1\n  join: [127.0.0.1, 192.0.2.12]\n"},
			"9: cluster.bind: 127.0.0.1 is this machine's loopback address, from which nothing reaches 192.0.2.12 of cluster.join: use the address that the other nodes reach this one by, such as 192.0.2.11"},
		{"bind of another family", []string{"bind: 192.0.2.11\n", "bind: \"2001:db8::11\"\n  join: [\"2001:db8::12\", 2001:db8::13 192.0.2.13, 192.0.2.12]\n"},
			"9: cluster.bind: has no IPv4 address, but 192.0.2.12 of cluster.join is one: add this node's own, or name that node by an IPv6 address"},
		{"bind five", []string{"192.0.2.11\n", "[192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5]\n"},
			"9: cluster.bind: 5 heartbeat networks are too many: name 4 at most"},
		{"join empty item", []string{"insecure: true", join + "[\"\"]"}, `11: cluster.join[0]: "" is no address of a node` + cure},
		{"join one address at two nodes", []string{"insecure: true", join + "[192.0.2.12 198.51.100.12, 198.51.100.12]"},
			"11: cluster.join[1]: 198.51.100.12:7946 stands twice: give each peer once"},
		{"join twice", []string{"insecure: true", join + "[192.0.2.12, \"192.0.2.12:7946\"]"},
			"11: cluster.join[1]: 192.0.2.12:7946 stands twice: give each peer once"},
		{"join VIP", []string{"insecure: true", join + "[192.0.2.12, 192.0.2.100]"}, "11: cluster.join[1]: 192.0.2.100 is a VIP" + cure},
		{"profile", []string{"insecure: true", "insecure: true\n  profile: fats"}, `11: cluster.profile: "fats" is no profile: use fast, fastest, lan or wan`},
		{"join_timeout text", []string{"insecure: true", "insecure: true\n  join_timeout: soon"},
			`11: cluster.join_timeout: "soon" is no duration: write it as in 3s or 500ms`},
		{"join_timeout long", []string{"insecure: true", "insecure: true\n  join_timeout: 2h"},
			"11: cluster.join_timeout: 2h is out of range: use 100ms to 1h"},
		{"no key", []string{"  insecure: true\n", ""},
			"8: cluster.key_file: is missing: make one with `thresher key FILE`, or set `insecure: true` to go without"},
		{"key empty", []string{"insecure: true", `key_file: ""`},
			"10: cluster.key_file: is empty: make one with `thresher key FILE`, or set `insecure: true` to go without"},
		{"key and insecure", []string{"insecure: true", "insecure: true\n  key_file: /key"},
			"10: cluster.insecure: the farm has a key file and is insecure too: remove one of the two"},
	})
}

func TestBadKeyFile(t *testing.T) {
	dir := t.TempDir()
	good := string(FormatKeys(testKeys()))
	writeFile(t, filepath.Join(dir, "open"), good, 0o640)
	writeFile(t, filepath.Join(dir, "cut"), good[:100], 0o600)
	tests := []struct{ file, want string }{
		{"none", "no such key file: make it with `thresher key DIR/none`, or copy it from another node"},
		{"open", "the key file is open to others (mode 0640): chmod 600 DIR/open"},
		{".", "the key file is no regular file: " + newKeyCure},
		{"cut", "2: gossip: not base64: " + newKeyCure},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			text := with(t, "insecure: true", "key_file: "+tt.file)
			_, err := Parse(filepath.Join(dir, "f.yaml"), []byte(text), noEnv())
			if err == nil {
				t.Fatal("accepted")
			}
			sep := ": "
			if tt.file == "cut" {
				sep = ":"
			}
			want := "DIR/f.yaml:10: cluster.key_file: " + filepath.Join("DIR", tt.file) + sep + tt.want
			if diff := cmp.Diff(want, strings.ReplaceAll(err.Error(), dir, "DIR")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// The nodes are counted by items of join, whatever addresses they are named by.
func TestNodesOfTheConfiguration(t *testing.T) {
	own := Cluster{Bind: port("192.0.2.11:7946"), Further: []netip.AddrPort{port("198.51.100.11:7946")}}
	for _, tt := range []struct {
		join []Peer
		want int
	}{
		{nil, 1},
		{peers("192.0.2.12:7946"), 2},
		{peers("192.0.2.11:7946", "192.0.2.12:7946"), 2},
		{peers("192.0.2.11:7946 198.51.100.11:7946", "192.0.2.12:7946 198.51.100.12:7946"), 2},
		{peers("198.51.100.11:7946", "198.51.100.12:7946"), 2},
		{peers("192.0.2.11:8000", "198.51.100.12:7946"), 3},
	} {
		own.Join = tt.join
		if got := own.Nodes(); got != tt.want {
			t.Errorf("%v: %d nodes, want %d", tt.join, got, tt.want)
		}
	}
}
