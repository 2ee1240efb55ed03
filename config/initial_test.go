package config

import (
	"crypto/rand"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What init writes is a valid configuration, and so is what a newcomer makes of it,
// of the same farm.
func TestInitialAndNewcomer(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	keys, err := NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteKeys(key, keys); err != nil {
		t.Fatal(err)
	}
	tcp, err := ReadPorts("80, 443,8000-8010")
	if err != nil {
		t.Fatal(err)
	}
	first := Initial{
		Node: "web1", Interface: "eth0", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("2001:db8::100")}, Mode: "flood",
		TCP: tcp, Bind: netip.MustParseAddrPort("192.0.2.11:7946"), KeyFile: key, Service: "nginx.service", Check: "http://127.0.0.1/",
	}
	text := append(first.Text(), "api:\n  listen: [\"unix:///run/thresher/api.sock\", \"https://192.0.2.11:9453\"]\n  users: /etc/users\n  tls: {cert: a, key: b}\n  oidc: {issuer: \"https://login.example\", client_id: a, roles: {claim: groups, admin: [ops]}}\n"...)
	c, err := Parse("thresher.yaml", text, Options{Env: []string{}})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	next := Newcomer{Node: "web2", Interface: "eth1", Bind: netip.MustParseAddrPort("192.0.2.12:7946"), KeyFile: key, Users: "/etc/users2"}
	other, lost, err := next.Adopt(text, first.Bind)
	if err != nil || lost != nil {
		t.Fatal(lost, err)
	}
	several := strings.Replace(string(text), `bind: "192.0.2.11:7946"`, `bind: ["192.0.2.11:7946", 198.51.100.11]`, 1)
	if adopted, _, err := next.Adopt([]byte(several), first.Bind); err != nil || strings.ReplaceAll(string(adopted), `"`, "") != strings.ReplaceAll(string(other), `"`, "") {
		t.Errorf("of a member on two networks: %v\n%s\nwant\n%s", err, adopted, other)
	}
	d, err := Parse("thresher.yaml", other, Options{Env: []string{}})
	if err != nil {
		t.Fatalf("%v\n%s", err, other)
	}
	if d.RulesDigest() != c.RulesDigest() {
		t.Error("the newcomer has other rules")
	}
	if d.Node != "web2" || d.Interface != "eth1" || d.Cluster.Bind != next.Bind || d.API.Cert != "" || d.API.OIDC.Issuer != "" || d.API.Users != "/etc/users2" ||
		len(d.API.Listeners) != 1 || d.API.Listeners[0].String() != "https://192.0.2.12:9453" || len(d.Cluster.Join) != 2 {
		t.Errorf("%+v", d)
	}
	if !strings.Contains(string(other), "# Thresher:") {
		t.Errorf("the comments are gone:\n%s", other)
	}
	again, err := WithPeer(text, Peer{next.Bind})
	if err != nil || strings.Count(string(again), "192.0.2.12:7946") != 1 {
		t.Errorf("%v: %s", err, again)
	}
	if twice, err := WithPeer(again, Peer{next.Bind}); err != nil || string(twice) != string(again) {
		t.Errorf("a peer is added twice: %v: %s", err, twice)
	}
}

// On several heartbeat networks, nodes are written with all their addresses.
func TestInitialAndNewcomerOnTwoNetworks(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	keys, err := NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteKeys(key, keys); err != nil {
		t.Fatal(err)
	}
	at := func(texts ...string) (list []netip.AddrPort) {
		for _, text := range texts {
			list = append(list, netip.MustParseAddrPort(text))
		}
		return list
	}
	first := Initial{
		Node: "web1", Interface: "eth0", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.100")}, Mode: "directed",
		TCP: []PortRange{{80, 80}}, Bind: at("192.0.2.11:7946")[0], Further: at("10.9.0.11:7946"), KeyFile: key,
	}
	next := Newcomer{Node: "web2", Interface: "eth1", Bind: at("192.0.2.12:7946")[0], Further: at("10.9.0.12:7946"), KeyFile: key}
	text := first.Text()
	// A member that its own list of peers does not have is added with all its addresses.
	alone := []byte(strings.Replace(string(text), `join: ["192.0.2.11:7946 10.9.0.11:7946"]`, "join: []", 1))
	for what, member := range map[string][]byte{"as written": text, "without itself": alone} {
		other, _, err := next.Adopt(member, first.Bind)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse("thresher.yaml", other, Options{Env: []string{}})
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, other)
		}
		if !slices.Equal(c.Cluster.Binds(), at("192.0.2.12:7946", "10.9.0.12:7946")) || len(c.Cluster.Join) != 2 || len(c.Cluster.Others()) != 1 ||
			!slices.Equal(c.Cluster.Others()[0], at("192.0.2.11:7946", "10.9.0.11:7946")) {
			t.Errorf("%s:\n%s", what, other)
		}
	}
	again, err := WithPeer(text, at("192.0.2.12:7946", "10.9.0.12:7946"))
	if err != nil || strings.Count(string(again), `"192.0.2.12:7946 10.9.0.12:7946"`) != 1 {
		t.Errorf("%v: %s", err, again)
	}
}

func TestReadPortsRefuses(t *testing.T) {
	for _, text := range []string{"", "0", "80,80", "a", "10-5", "70000"} {
		if ports, err := ReadPorts(text); err == nil {
			t.Errorf("%q: %v", text, ports)
		}
	}
	if CheckNode("web1") != nil || CheckNode("a b") == nil || CheckNode("") == nil {
		t.Error("names of nodes are not told apart")
	}
}

// What one node's file is changed to becomes the others', but for what is theirs.
func TestForAll(t *testing.T) {
	const mine = `node: {name: web1}
default: deny
rules:
  - {name: web, protocol: tcp, ports: [80], weight: 100}
  - {name: dns, protocol: udp, ports: [53]}
`
	const theirs = `# theirs
node: {name: web2} # own
default: deny
rules:
  - {name: web, protocol: tcp, ports: [80], weight: 30}
  - {name: dns, protocol: udp, ports: [53], priority: 7, nodes: [web2]}
`
	for _, tt := range []struct {
		name, old, new string
		want, not      []string
	}{
		{"nothing", "deny", "deny", []string{"weight: 30", "priority: 7"}, nil},
		{"default", "default: deny", "default: pass", []string{"default: pass", "weight: 30", "priority: 7", "# theirs", "# own", "web2"}, []string{"web1"}},
		{"ports", "[80]", "[80, 81]", []string{"ports: [80, 81]", "weight: 30", "priority: 7"}, []string{"weight: 100"}},
		{"weight", "weight: 100", "weight: 50", []string{"weight: 50", "priority: 7"}, []string{"weight: 30"}},
		{"own", "web1", "web9", []string{"web2"}, []string{"web9"}},
		{"gone", "default: deny\n", "", []string{"web2"}, []string{"default"}},
		{"nodes", "[53]", "[54]", []string{"ports: [54]", "nodes: [web2]"}, nil},
	} {
		got, err := ForAll([]byte(mine), []byte(strings.Replace(mine, tt.old, tt.new, 1)), []byte(theirs))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		for _, one := range tt.want {
			if !strings.Contains(string(got), one) {
				t.Errorf("%s: no %q in\n%s", tt.name, one, got)
			}
		}
		for _, one := range tt.not {
			if strings.Contains(string(got), one) {
				t.Errorf("%s: %q in\n%s", tt.name, one, got)
			}
		}
	}
}

// A node that alone has something else where all must be alike gets that too, but not
// the checks and services that are its own. One that is alike keeps its text.
func TestForAllMakesAlike(t *testing.T) {
	const mine = `node: {name: web1}
vips: [192.0.2.100]
rules: [{name: web, protocol: tcp, ports: [80]}]
checks: [{name: http, type: tcp}]
`
	for _, tt := range []struct{ name, theirs, want string }{
		{"other ports", `node: {name: web2}
vips: [192.0.2.100]
rules: [{name: web, protocol: tcp, ports: [80, 8080], weight: 30}]
default: pass
checks: [{name: own, type: tcp}]
`, `node: {name: web2}
vips: [192.0.2.100]
rules: [{name: web, protocol: tcp, ports: [80], weight: 30}]
checks: [{name: own, type: tcp}]
`},
		{"alike in other words", `node: {name: web3}
vips:
  - 192.0.2.100   # the farm's
rules:
  - name: web
    ports: [80]   # plain
    protocol: tcp
    weight: 30
`, ""},
	} {
		got, err := ForAll([]byte(mine), []byte(mine), []byte(tt.theirs))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		want, name := tt.want, tt.name
		if want == "" {
			want = tt.theirs
		}
		if string(got) != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func FuzzForAll(f *testing.F) {
	f.Add([]byte("rules: [{name: a}]"), []byte("rules: [{name: a, weight: 1}]"), []byte("rules: [1, [], {name: a}]"))
	f.Add([]byte("a: 1"), []byte("rules: {}"), []byte("{}"))
	f.Add([]byte("x: &a [*a]"), []byte("default: &b {c: *b}"), []byte("cluster: []"))
	f.Fuzz(func(_ *testing.T, old, next, theirs []byte) {
		_, _ = ForAll(old, next, theirs)
		_, _ = WithPeer(old, Peer{netip.MustParseAddrPort("192.0.2.1:1")})
		_, _, _ = Newcomer{Node: "a", RunDir: "/x", Users: "u"}.Adopt(next, netip.AddrPort{})
	})
}
