package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
	"thresher/deploy/modules"
)

// flagsOf are enough for any module.
func flagsOf(module string) []string {
	flags := []string{"--interface", "lo", "--vip", "192.0.2.100", "--bind", "192.0.2.11", "--join", "192.0.2.11,192.0.2.12"}
	switch module {
	case "iis-gateway":
		flags = append(flags, "--set", "server=10.0.0.21")
	case "generic":
		flags = append(flags, "--set", "unit=app.service", "--set", "port=81")
	}
	return flags
}

// TestModuleInit: what init prints is a configuration that the program accepts.
func TestModuleInit(t *testing.T) {
	all, err := modules.All(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	list, _, _ := thresher(t.Context(), "module", "list")
	for _, m := range all {
		if !strings.Contains(list, m.Name+" ") || !strings.Contains(list, m.Summary) {
			t.Errorf("module %s is not in the list:\n%s", m.Name, list)
		}
		out, stderr, code := thresher(t.Context(), append([]string{"module", "init", m.Name, "--key-file", "key"}, flagsOf(m.Name)...)...)
		if code != exitDone {
			t.Errorf("%s: exit %d: %s", m.Name, code, stderr)
			continue
		}
		path := filepath.Join(configDir(t), "thresher.yaml")
		if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		// lo is no Ethernet, which is the machine's fault and not the file's.
		if stdout, stderr, code := thresher(t.Context(), "check", "--config", path); code != exitFailed || !strings.HasPrefix(stdout, "ok: ") {
			t.Errorf("%s: check exits %d: %s%s\n%s", m.Name, code, stdout, stderr, out)
		}
	}
}

// TestModuleInstall writes below a directory of the test's own, once.
func TestModuleInstall(t *testing.T) {
	root := t.TempDir()
	install := append([]string{"module", "install", "iis-gateway", "--root", root}, flagsOf("iis-gateway")...)
	if _, stderr, code := thresher(t.Context(), install...); code != exitFailed || !strings.Contains(stderr, "program /usr/sbin/nft is not on this machine: apt-get install nftables") {
		t.Errorf("without nft: exit %d, %s", code, stderr)
	}
	nft := filepath.Join(root, "usr/sbin/nft")
	if err := os.MkdirAll(filepath.Dir(nft), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(nft, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, stderr, code := thresher(t.Context(), install...); code != exitDone || !strings.Contains(out, "wrote /etc/thresher/iis-gateway/gateway.nft\n") {
		t.Fatalf("exit %d, %s%s", code, out, stderr)
	}
	for file, want := range map[string]string{
		"etc/thresher/thresher.yaml":                "forward: true",
		"etc/sysctl.d/60-thresher-iis-gateway.conf": "net.ipv4.ip_forward = 1",
		"etc/thresher/iis-gateway/gateway.nft":      "ip daddr 192.0.2.100 tcp dport { 80, 443 } counter dnat to 10.0.0.21",
	} {
		if text, err := os.ReadFile(filepath.Join(root, file)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %q in\n%s", file, err, want, text)
		}
	}
	// The configuration may hold secrets; the rest is for others to read.
	for file, want := range map[string]fs.FileMode{"thresher.yaml": 0o600, "iis-gateway/gateway.nft": 0o644} {
		if info, err := os.Stat(filepath.Join(root, "etc/thresher", file)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want mode %v", file, info, err, want)
		}
	}
	if _, stderr, code := thresher(t.Context(), install...); code != exitFailed || !strings.Contains(stderr, "thresher.yaml is there already") {
		t.Errorf("a second time: exit %d, %s", code, stderr)
	}
	if _, stderr, code := thresher(t.Context(), append(install, "--force")...); code != exitDone {
		t.Errorf("by force: exit %d, %s", code, stderr)
	}
}

func TestModuleWrongUsage(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"module", "no command given"},
		{"module show ngin", `no module "ngin"`},
		{"module init nginx --interface lo --vip 192.0.2.100", `interface lo has no address for heartbeats`},
		{"module init nginx --interface lo --vip 192.0.2.300 --bind 192.0.2.11", `"192.0.2.300" is no IP address`},
		{"module init nginx --interface lo --vip 192.0.2.100 --bind 192.0.2.11 --set health", "has no value"},
		{"module init nginx --interface lo --vip 192.0.2.100 --bind 192.0.2.11 --set heatlh=/", `no setting "heatlh"`},
		{"module init generic --interface lo --vip 192.0.2.100 --bind 192.0.2.11 --set unit=app", "has no type"},
		{"module init generic --interface lo --vip 192.0.2.100 --bind 192.0.2.11", "--set unit=…"},
	} {
		if _, stderr, code := thresher(t.Context(), strings.Fields(tt.args)...); code != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d, %s; want %q", tt.args, code, stderr, tt.want)
		}
	}
}

// A shared address that nobody could be asked for is left open, so that the daemon
// refuses the file by its line; install never writes such a file.
func TestModuleInitLeavesTheSharedAddressOpen(t *testing.T) {
	root, out := newRoot(), new(bytes.Buffer)
	root.SetArgs(strings.Fields("module init nginx --interface eth0 --bind 192.0.2.11"))
	root.SetOut(out)
	root.SetIn(new(bytes.Buffer))
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	_, err := config.Parse("t.yaml", out.Bytes(), config.Options{Env: []string{}})
	if err == nil || !strings.Contains(err.Error(), `vips[0].address: "SHARED-ADDRESS" is no IP address`) || strings.Contains(out.String(), standIn) {
		t.Errorf("%v of\n%s", err, out)
	}
	root = newRoot()
	root.SetArgs(strings.Fields("module install nginx --interface eth0 --bind 192.0.2.11 --root " + t.TempDir()))
	if err := root.Execute(); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "--vip is needed") {
		t.Errorf("install: %v", err)
	}
}
