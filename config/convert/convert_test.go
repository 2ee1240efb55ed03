package convert

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
	"thresher/internal/golden"
)

type converter func(Input, Options) (Result, error)

var (
	web11 = netip.MustParseAddr("192.0.2.11")
	plain = Options{Interface: "eth0", Bind: web11, Join: []netip.Addr{netip.MustParseAddr("192.0.2.12")}}
)

// with is plain for another node, with other addresses.
func with(node, bind string) Options {
	o := plain
	if o.Node = node; bind != "" {
		o.Bind, o.Join = netip.MustParseAddr(bind), nil
	}
	return o
}

// Each file under testdata gives the configuration and the list beside it, and
// config reads what comes out.
func TestConverters(t *testing.T) {
	for _, tt := range []struct {
		file    string
		convert converter
		options Options
	}{
		{"safekit/two.xml", SafeKit, with("", "")},
		{"safekit/three.xml", SafeKit, with("node2", "")},
		{"safekit/minimal.xml", SafeKit, with("", "")},
		{"safekit/networks.xml", SafeKit, with("web1", "")},
		{"nlb/params.txt", NLB, with("", "")},
		{"nlb/list.txt", NLB, with("app2", "")},
		{"nlb/table.txt", NLB, with("", "")},
		{"clusterip/rules.v4", ClusterIP, with("", "")},
		{"clusterip/counted.v4", ClusterIP, with("", "")},
		{"clusterip/cib.xml", ClusterIP, with("", "")},
		{"clusterip/pcs.txt", ClusterIP, with("", "")},
		{"clusterip/crm.txt", ClusterIP, with("", "")},
		{"keepalived/nat.conf", Keepalived, with("", "192.0.2.12")},
		{"keepalived/nat.conf", Keepalived, with("web1", "192.0.2.11")},
		{"keepalived/group.conf", Keepalived, with("", "198.51.100.11")},
		{"keepalived/v6.conf", Keepalived, with("", "2001:db8::12")},
		{"keepalived/apart.conf", Keepalived, with("", "192.0.2.13")},
		{"keepalived/v6.conf", Keepalived, with("other", "2001:db8::99")},
	} {
		t.Run(tt.file+tt.options.Node, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			r, err := tt.convert(Input{tt.file, data}, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			mustLoad(t, r.YAML)
			golden.Compare(t, filepath.Join("testdata", tt.file+tt.options.Node+".golden"), string(r.YAML)+"---\n"+listed(r.Notes))
		})
	}
}

// mustLoad reads a configuration from a directory with a key, as the daemon does.
func mustLoad(t *testing.T, data []byte) {
	t.Helper()
	dir := t.TempDir()
	keys, err := config.NewKeys(bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "thresher.yaml")
	data = bytes.Replace(data, []byte("/etc/thresher/key"), []byte("key"), 1)
	if err := errors.Join(config.WriteKeys(filepath.Join(dir, "key"), keys), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, config.Options{Env: []string{}}); err != nil {
		t.Errorf("what came out is not accepted: %v\n%s", err, data)
	}
}

func listed(notes []Note) string {
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "%d: %s: %s\n", n.Line, n.What, n.Why)
	}
	return b.String()
}

// A .safe file is a zip with the same userconfig.xml in it.
func TestSafeFile(t *testing.T) {
	xml, err := os.ReadFile("testdata/safekit/two.xml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := SafeKit(Input{"two.xml", xml}, plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := SafeKit(Input{"two.safe", zipped(t, map[string][]byte{`conf\userconfig.xml`: xml, "bin/start_both": []byte("#!/bin/sh\n")})}, plain)
	if err != nil {
		t.Fatal(err)
	}
	// But for the first line, which names the file.
	_, a, _ := strings.Cut(string(want.YAML), "\n")
	_, b, _ := strings.Cut(string(got.YAML), "\n")
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
	for _, data := range [][]byte{zipped(t, map[string][]byte{"manifest.xml": xml}), []byte("PK\x03\x04"), zipped(t, nil)[:8]} {
		if _, err := SafeKit(Input{"two.safe", data}, plain); err == nil {
			t.Errorf("%d bytes are accepted", len(data))
		}
	}
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// PowerShell's > writes UTF-16 with CRLF.
func TestUTF16(t *testing.T) {
	data, err := os.ReadFile("testdata/nlb/table.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := NLB(Input{"table.txt", data}, plain)
	if err != nil {
		t.Fatal(err)
	}
	wide := []byte{0xff, 0xfe}
	for _, b := range bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")) {
		wide = append(wide, b, 0)
	}
	got, err := NLB(Input{"table.txt", wide}, plain)
	if err != nil || string(got.YAML) != string(want.YAML) {
		t.Errorf("%v\n%s", err, got.YAML)
	}
}

func safe(inside string) string {
	return `<safe><service mode="farm"><vip><interface_list><interface>
<virtual_interface type="vmac_invisible"><virtual_addr addr="192.0.2.80"/></virtual_interface>
</interface></interface_list>` + inside + `</vip></service></safe>`
}

// What can't be converted is refused, with the line and a cure.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		convert converter
		options Options
		text    string
		says    string
	}{
		{"not XML", SafeKit, plain, "<safe>\n<service mode=\"farm\"\n", "f:3: is no XML: unexpected EOF"},
		{"empty", SafeKit, plain, "", "f: has no XML element"},
		{"mirror", SafeKit, plain, "<safe>\n<service mode=\"mirror\"/></safe>", `f:2: is a module of mode "mirror": only farm modules`},
		{"powers without a node", SafeKit, plain, safe("\n<group name=\"g\"><host name=\"a\" power=\"1\"/><host name=\"b\" power=\"2\"/></group>"),
			`f:4: group "g" has nodes of different power: say whose configuration is wanted by --node: a, b`},
		{"other node", SafeKit, with("c", ""), safe(`<group><host name="a"/></group>`), `names no host "c"`},
		{"macro", SafeKit, plain, safe("\n" + `<group><rule proto="tcp" port="%PORT%"/></group>`), "f:4: rule: macro %PORT% has no value"},
		{"port", SafeKit, plain, safe("\n" + `<group><rule proto="tcp" port="http"/></group>`), `f:4: rule: port "http" is none`},
		{"filter", SafeKit, plain, safe("\n" + `<group><rule proto="tcp" filter="on_moon"/></group>`), `f:4: rule: filter "on_moon" is not known`},
		{"twice", SafeKit, plain, safe("<group><rule proto=\"tcp\" port=\"80\"/>\n<rule proto=\"tcp\" port=\"80\"/></group>"), `f:4: rules[1].ports: can't be converted: rule`},
		{"ipid of tcp", SafeKit, plain, safe("\n" + `<group><rule proto="tcp" port="80" filter="on_ipid"/></group>`), "f:4: rules[0].affinity: can't be converted: the packets of a TCP connection"},
		{"duration", SafeKit, plain, safe("\n" + `<group><rule proto="tcp" port="80"/></group></vip><user nicestoptimeout="soon"/><vip>`), `f:4: user: nicestoptimeout="soon" is no duration`},
		{"nothing served", SafeKit, plain, safe(""), "f: has nothing to serve"},
		{"no interface", SafeKit, Options{Bind: web11}, safe(`<group><rule proto="tcp"/></group>`), "give it by --interface"},
		{"no address", SafeKit, Options{Interface: "eth0"}, safe(`<group><rule proto="tcp"/></group>`), "give it by --bind"},
		{"VIP is the node's", SafeKit, with("", "192.0.2.80"), safe(`<group><rule proto="tcp"/></group>`), "cluster.bind: can't be converted"},
		{"no settings", NLB, plain, "hello\n", "f: has no NLB settings"},
		{"no rule", NLB, plain, "ClusterIPAddress = 192.0.2.5\n", "f: has nothing to serve"},
		{"NLB mode", NLB, plain, "ClusterIPAddress = 192.0.2.5\n\nStart : 1\nEnd : 2\nMode : odd\n", `f:3: port rule: mode "odd" is not known`},
		{"NLB ports", NLB, plain, "ClusterIPAddress = 192.0.2.5\n\nStart : 9\nEnd : 2\n", "f:3: port rule: 9 is behind 2"},
		{"no clone", ClusterIP, plain, "primitive a IPaddr2 params ip=192.0.2.5\n", "f: has no shared address"},
		{"not CLUSTERIP", ClusterIP, plain, "-A INPUT -j ACCEPT\n", "f: has no CLUSTERIP rule and no IPaddr2"},
		{"CLUSTERIP of a network", ClusterIP, plain, "\n-A INPUT -d 192.0.2.0/24 -j CLUSTERIP\n", "f:2: -d \"192.0.2.0/24\" is no single address"},
		{"hash mode", ClusterIP, plain, "-A INPUT -d 192.0.2.5 -j CLUSTERIP --hashmode moon\n", `f:1: hash mode "moon" is not known`},
		{"port's name", ClusterIP, plain, "-A INPUT -d 192.0.2.5 -p tcp --dport http -j CLUSTERIP\n", `f:1: "http" are no ports`},
		{"all other ports", ClusterIP, plain, "\n[0:0] -A INPUT -d 192.0.2.5 -p tcp -m tcp ! --dport 22 -j CLUSTERIP\n", `f:2: "! --dport 22" says what is not served`},
		{"all other ports, of old", ClusterIP, plain, "-A INPUT -d 192.0.2.5 -p tcp --dport ! 22 -j CLUSTERIP\n", `f:1: "! --dport 22" says what is not served`},
		{"all other protocols", ClusterIP, plain, "-A INPUT -d 192.0.2.5 ! -p tcp -j CLUSTERIP\n", `f:1: "! -p tcp" says what is not served`},
		{"all other addresses", ClusterIP, plain, "-A INPUT ! -d 192.0.2.5 -j CLUSTERIP\n", `f:1: "! -d 192.0.2.5" says what is not served`},
		{"no server", Keepalived, plain, "vrrp_instance a {\n}\n", "f: has no virtual_server"},
		{"brace", Keepalived, plain, "a {\n b {\n}\n", "f:1: a brace is never closed"},
		{"other brace", Keepalived, plain, "\n}\n", "f:2: a brace closes nothing"},
		{"quotes", Keepalived, plain, "a \"b\n", "f:1: quotes are never closed"},
		{"address", Keepalived, plain, "\nvirtual_server www 80 {\n}\n", `f:2: "www" is no IP address`},
		{"group", Keepalived, plain, "virtual_server group g {\n}\n", `f:1: there is no virtual_server_group "g"`},
		{"range", Keepalived, plain, "virtual_server group g {\n}\nvirtual_server_group g {\n192.0.2.9-3 80\n}\n", `f:4: "192.0.2.9-3" is no range`},
		{"netmask", Keepalived, plain, "virtual_server 192.0.2.5 80 {\npersistence_timeout 9\npersistence_granularity 255.0.255.0\n}\n", `f:2: persistence_granularity "255.0.255.0" is no netmask`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.convert(Input{"f", []byte(tt.text)}, tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got  %v\nwant %s", err, tt.says)
			}
		})
	}
}

// Powers that are 64 times one another are a line of nodes, of which the first that
// is there serves alone.
func TestChain(t *testing.T) {
	for _, tt := range []struct {
		powers []power
		want   []string
	}{
		{[]power{{"a", 1}, {"b", 64}, {"c", 4096}}, []string{"c", "b", "a"}},
		{[]power{{"a", 64}, {"b", 1}, {"c", 0}}, []string{"a", "b"}},
		{[]power{{"a", 64}, {"b", 64}}, nil},
		{[]power{{"a", 63}, {"b", 1}}, nil},
		{[]power{{"a", 64}}, nil},
	} {
		if diff := cmp.Diff(tt.want, chain(tt.powers)); diff != "" {
			t.Errorf("%v: %s", tt.powers, diff)
		}
	}
}

func TestWithout(t *testing.T) {
	r := func(first, last uint16) config.PortRange { return config.PortRange{First: first, Last: last} }
	got := without(allPorts, ports{r(1, 1), r(80, 90), r(85, 100), r(65535, 65535)})
	if diff := cmp.Diff(ports{r(2, 79), r(101, 65534)}, got); diff != "" {
		t.Error(diff)
	}
	if got := without(ports{r(5, 9)}, ports{r(1, 65535)}); len(got) != 0 {
		t.Errorf("%v is left", got)
	}
}

// Whatever the file, a converter gives a configuration that config accepts, or an
// error that names the file, and the same each time.
func fuzz(f *testing.F, dir string, convert converter) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".golden") {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := with("node1", "192.0.2.11")
		r, err := convert(Input{"f", data}, o)
		again, err2 := convert(Input{"f", data}, o)
		if err != nil {
			if err2 == nil || err.Error() != err2.Error() || !strings.HasPrefix(err.Error(), "f") || strings.Contains(err.Error(), "write YAML") {
				t.Fatalf("first: %v\nagain: %v", err, err2)
			}
			return
		}
		if string(r.YAML) != string(again.YAML) {
			t.Fatalf("not the same the second time:\n%s\n%s", r.YAML, again.YAML)
		}
		yaml := bytes.Replace(r.YAML, []byte("key_file: /etc/thresher/key"), []byte("insecure: true"), 1)
		if _, err := config.Parse("out", yaml, config.Options{Env: []string{}}); err != nil {
			t.Fatalf("%v\n%s", err, r.YAML)
		}
	})
}

func FuzzSafeKit(f *testing.F)    { fuzz(f, "safekit", SafeKit) }
func FuzzNLB(f *testing.F)        { fuzz(f, "nlb", NLB) }
func FuzzClusterIP(f *testing.F)  { fuzz(f, "clusterip", ClusterIP) }
func FuzzKeepalived(f *testing.F) { fuzz(f, "keepalived", Keepalived) }
