package config

import (
	"strings"
	"testing"
)

// apiSection is a change of the good file that adds an api section in line 2.
func apiSection(yaml string) []string {
	return []string{"interface:", "api: {" + yaml + "}\ninterface:"}
}

func TestBadAPI(t *testing.T) {
	const address = "write an address of this machine, such as https://192.0.2.11:9453"
	checkBad(t, []badCase{
		{"other scheme", apiSection(`listen: ["ftp://192.0.2.11"]`),
			`2: api.listen[0]: is neither a unix socket nor an https:// address: ` + listenCure},
		{"relative", apiSection(`listen: ["unix://api.sock"]`), `2: api.listen[0]: "unix://api.sock" has no absolute path: ` + listenCure},
		{"two sockets", apiSection(`listen: ["unix:///a", "unix:///b"]`),
			`2: api.listen[1]: is a second unix socket, and only one is supported: keep one of them`},
		{"nothing", apiSection(`listen: []`), `2: api.listen: names nothing to listen on: ` + listenCure},
		{"long", apiSection(`listen: ["unix:///` + strings.Repeat("s", 107) + `"]`),
			`2: api.listen[0]: the socket's path has 108 characters: use at most 107`},
		{"no users", apiSection(`listen: ["https://192.0.2.11:9453"]`), `2: api.users: is missing: ` + usersCure},
		{"empty users", apiSection(`listen: ["https://192.0.2.11:9453"], users: ""`), `2: api.users: is empty: ` + usersCure},
		{"clear", apiSection(`listen: ["http://192.0.2.11:9453"], users: /u`),
			`2: api.listen[0]: would send passwords in clear: write https:// in place of http://, which is for loopback addresses only`},
		{"name", apiSection(`listen: ["https://web1:9453"], users: /u`), `2: api.listen[0]: has no IP address to listen on: ` + address},
		{"VIP", apiSection(`listen: ["https://192.0.2.100"], users: /u`), `2: api.listen[0]: 192.0.2.100 is a VIP, which every node has: ` + address},
		{"port 0", apiSection(`listen: ["https://192.0.2.11:0"], users: /u`), `2: api.listen[0]: port 0 is out of range: use 1 to 65535`},
		{"twice", apiSection(`listen: ["https://192.0.2.11", "https://192.0.2.11:9453"], users: /u`),
			`2: api.listen[1]: 192.0.2.11:9453 stands twice: give each address once`},
		{"half a certificate", apiSection(`tls: {cert: /c}`), `2: api.tls.key: is missing: name the file of the private key of api.tls.cert`},
		{"other half", apiSection(`tls: {key: /k}`), `2: api.tls.cert: is missing: name the file of the certificate that api.tls.key belongs to`},
		{"host", apiSection(`hosts: ["https://farm"]`),
			`2: api.hosts[0]: "https://farm" is no host name: write it as in a browser's address line, without https:// and port`},
		{"peer port", apiSection(`peer_port: 65536`),
			`2: api.peer_port: 65536 is out of range: use 1 to 65535, or 0 so that the nodes do not ask one another`},
		{"gossip's port", apiSection(`peer_port: 7946`), `2: api.peer_port: 7946 is the port of cluster.bind too: use two ports`},
	})
}

func TestAPIListeners(t *testing.T) {
	text := with(t, apiSection(`listen: ["https://[2001:db8::1]", "http://127.0.0.1:80/", "https://0.0.0.0:1"], users: users, tls: {cert: c.pem, key: /k.pem}`)...)
	got := mustParse(t, text, noEnv()).API
	var listen []string
	for _, l := range got.Listeners {
		listen = append(listen, l.String())
	}
	if s := strings.Join(listen, " "); s != "https://[2001:db8::1]:9453 http://127.0.0.1:80 https://0.0.0.0:1" {
		t.Errorf("listens on %s", s)
	}
	if got.Socket != DefaultSocket || got.Key != "/k.pem" || !strings.HasSuffix(got.Users, "users") || !strings.HasSuffix(got.Cert, "c.pem") {
		t.Errorf("%+v", got)
	}
}
