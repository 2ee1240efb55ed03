package config

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOverridePrecedence(t *testing.T) {
	file := with(t, "insecure: true", "insecure: true\n  profile: wan")
	env := []string{"THRESHER_CLUSTER_PROFILE=lan"}
	set := map[string]string{"cluster.profile": "fast"}
	tests := []struct {
		name string
		text string
		opts Options
		want Profile
	}{
		{"default", goodFile, Options{Env: []string{}}, Fast},
		{"file above default", file, Options{Env: []string{}}, WAN},
		{"environment above default", goodFile, Options{Env: env}, LAN},
		{"environment above file", file, Options{Env: env}, LAN},
		{"flag above file", file, Options{Env: []string{}, Set: set}, Fast},
		{"flag above environment", file, Options{Env: env, Set: set}, Fast},
		{"last variable wins", file, Options{Env: []string{"THRESHER_CLUSTER_PROFILE=fast", env[0]}}, LAN},
		{"other variables", file, Options{Env: []string{"CLUSTER_PROFILE=lan", "THRESHER_SERVICE_HOST=10.0.0.1", "THRESHER", ""}}, WAN},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustParse(t, tt.text, tt.opts).Cluster.Profile; got != tt.want {
				t.Errorf("profile %v, want %v", got, tt.want)
			}
		})
	}
}

func TestOverrideProcessEnvironment(t *testing.T) {
	t.Setenv("THRESHER_CLUSTER_PROFILE", "wan")
	if got := mustParse(t, goodFile, Options{}).Cluster.Profile; got != WAN {
		t.Errorf("profile %v, want wan from the process's environment", got)
	}
}

// Every key can be set from outside, whether or not the file has its mapping.
func TestOverrideEveryKey(t *testing.T) {
	values := map[string]string{
		"node.name": "n9", "node.boot": "as-before", "node.boot_delay": "1s", "node.rejoin": "manual",
		"node.slow_start": "1m", "node.stop_drain": "0s", "node.reset_on_stop": "false", "node.vip_checks": "false", "interface": "eth9", "default": "deny",
		"cluster.bind": "192.0.2.19:8000, 198.51.100.19", "cluster.join": "192.0.2.12 198.51.100.12, 192.0.2.13:8000",
		"cluster.key_file": keyFileIn(t, t.TempDir()), "cluster.insecure": "false",
		"cluster.profile": "lan", "cluster.partition": "majority", "cluster.join_timeout": "1m",
		"datapath.offload": "none", "datapath.xdp": "native", "datapath.zero_copy": "on", "datapath.queues": "2", "datapath.pin": "false",
		"api.listen": "unix:///run/9.sock, https://192.0.2.19", "api.tls.cert": "/c.pem", "api.tls.key": "/k.pem",
		"health_listen": "127.0.0.1:9010", "api.users": "/u", "api.hosts": "Farm.example", "api.peer_port": "9999",
		"cluster.heartbeat": "90ms", "cluster.eviction": "700ms", "cluster.lease": "1s",
		"api.oidc.issuer": "https://login.example", "api.oidc.client_id": "c", "api.oidc.client_secret_file": "/s", "api.oidc.redirect": "https://farm.example/login",
		"api.oidc.scopes": "groups", "api.oidc.roles.claim": "g", "api.oidc.roles.admin": "A", "api.oidc.roles.control": "C,D", "api.oidc.roles.monitor": "M",
		"run_dir": "/run/9", "state_dir": "/var/lib/9",
	}
	want := goodConfig()
	want.Node, want.Interface = "n9", "eth9"
	want.Life = Life{Boot: BootAsBefore, BootDelay: time.Second, Rejoin: RejoinManual, SlowStart: time.Minute, NoVIPChecks: true}
	want.Cluster = Cluster{port("192.0.2.19:8000"), []netip.AddrPort{port("198.51.100.19:7946")}, peers("192.0.2.12:7946 198.51.100.12:7946", "192.0.2.13:8000"),
		testKeys(), values["cluster.key_file"], false, LAN, 90 * time.Millisecond, 700 * time.Millisecond, time.Second, Majority, time.Minute}
	want.Datapath = Datapath{OffloadNone, XDPNative, ZeroCopyOn, 2, false}
	want.HealthListen = port("127.0.0.1:9010")
	want.API = API{
		"/run/9.sock", []APIListener{{Address: port("192.0.2.19:9453")}}, "/c.pem", "/k.pem", "/u", []string{"farm.example"}, 9999,
		OIDC{"https://login.example", "c", "/s", "https://farm.example/login", []string{"groups"}, "g", []string{"A"}, []string{"C", "D"}, []string{"M"}},
	}
	want.RunDir, want.StateDir = "/run/9", "/var/lib/9"

	env := []string{}
	for _, f := range settings(reflect.TypeFor[rawConfig](), "") {
		value, ok := values[f.key]
		if !ok {
			t.Errorf("the test has no value for %s", f.key)
		}
		env = append(env, envName(f.key)+"="+value)
	}
	for name, opts := range map[string]Options{"environment": {Env: env}, "flags": {Env: []string{}, Set: values}} {
		t.Run(name, func(t *testing.T) {
			if diff := diffConfig(want, mustParse(t, goodFile, opts)); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOverrideBad(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	tests := []struct {
		name string
		env  []string
		set  map[string]string
		want string
	}{
		{"environment", []string{"THRESHER_CLUSTER_PROFILE=fats"}, nil,
			`environment THRESHER_CLUSTER_PROFILE: cluster.profile: "fats" is no profile: use fast, fastest, lan or wan`},
		{"flag", nil, map[string]string{"datapath.offload": "half"},
			`flag: datapath.offload: "half" is no offload level: use none, reject or full`},
		{"unit", []string{"THRESHER_CLUSTER_JOIN_TIMEOUT=5"}, nil,
			"environment THRESHER_CLUSTER_JOIN_TIMEOUT: cluster.join_timeout: 5 is no duration: it needs a unit, such as 5s"},
		{"bool", []string{"THRESHER_CLUSTER_INSECURE=1"}, nil,
			`environment THRESHER_CLUSTER_INSECURE: cluster.insecure: "1" is neither true nor false: use true or false`},
		{"port", []string{"THRESHER_API_PEER_PORT=many"}, nil,
			`environment THRESHER_API_PEER_PORT: api.peer_port: "many" is not a whole number: write digits only`},
		{"number", nil, map[string]string{"datapath.queues": "-3"},
			"flag: datapath.queues: -3 queues are out of range: use auto or a number from 1 to 256"},
		{"list item", nil, map[string]string{"cluster.join": "192.0.2.12,web2"},
			`flag: cluster.join[1]: "web2" is no address of a node: use a node's own IP address, with or without a port, such as 192.0.2.11:7946`},
		{"empty flag", nil, map[string]string{"interface": ""},
			"flag: interface: is empty: name the network interface that the VIPs' packets arrive on, such as eth0"},
		{"key file", nil, map[string]string{"cluster.insecure": "false", "cluster.key_file": missing},
			"flag: cluster.key_file: " + missing + ": no such key file: make it with `thresher key " + missing + "`, or copy it from another node"},
		{"unknown flag", nil, map[string]string{"datapath.ofload": "none"},
			"flag: datapath.ofload: unknown key `datapath.ofload`: did you mean `datapath.offload`?"},
		{"unknown flag without its mapping", nil, map[string]string{"profile": "fast"},
			"flag: profile: unknown key `profile`: did you mean `cluster.profile`?"},
		{"misspelt variable", []string{"THRESHER_CLUSTER_PROFIL=fast"}, nil,
			"environment THRESHER_CLUSTER_PROFIL: sets no key: did you mean THRESHER_CLUSTER_PROFILE?"},
		{"in order", []string{"THRESHER_NODE_NAME=?"}, map[string]string{"interface": "/", "datapath.xdp": "on"},
			`environment THRESHER_NODE_NAME: node.name: "?" has other characters than a name may have: use letters, digits, dots, dashes and underscores, beginning with a letter or digit` + "\n" +
				"flag: interface: \"/\" is no interface name: see `ip link` for the right ones\n" +
				"flag: datapath.xdp: \"on\" is no XDP mode: use auto, native or generic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(goodFile), Options{Env: append([]string{}, tt.env...), Set: tt.set})
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
