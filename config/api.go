package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// API is where the daemon can be asked and told things.
type API struct {
	// Socket is the path of the unix socket, which is always there.
	Socket string
	// Listeners are the addresses for people and tools, in the order of the file.
	Listeners []APIListener
	// Cert and Key are the files of the HTTPS listeners' certificate, PEM; both
	// empty for a self-signed one.
	Cert, Key string
	// Users is the file of who may come in by Listeners; empty only if there are
	// none.
	Users string
	// Hosts are names of this node, besides its own, that browsers know it by.
	Hosts []string
	// PeerPort is the port on which the nodes ask and tell one another, at
	// Cluster.Bind's address; 0 for none.
	PeerPort uint16
	// OIDC is by whom people log in besides Users; its zero value is by nobody.
	OIDC OIDC
}

// APIListener is one address that the API listens on besides its unix socket.
type APIListener struct {
	Address netip.AddrPort
	// Plain is HTTP without TLS, on a loopback address only.
	Plain bool
}

// String is the address as in api.listen.
func (l APIListener) String() string {
	if l.Plain {
		return "http://" + l.Address.String()
	}
	return "https://" + l.Address.String()
}

// maxSocketPath is sun_path without its terminating NUL (unix(7)).
const maxSocketPath = 107

const (
	listenCure = "use unix://" + DefaultSocket + ", and for people https://ADDRESS:9453"
	usersApart = "passwords are kept as hashes, in a file of their own: write users: /etc/thresher/users, and make each user with `thresher user add NAME --role ROLE`"
	usersCure  = "write users: /etc/thresher/users below api, and make the first one with `thresher user add NAME --role admin`"
)

// api reads the section of that name. The rest of the configuration is known.
func (p *problems) api(raw rawAPI, c *Config) API {
	a := API{Socket: defaultSocket(c.RunDir), Hosts: p.hosts(raw.Hosts), PeerPort: p.peerPort(raw.PeerPort, c.Cluster.Bind)}
	a.Cert, a.Key = p.certificate(raw.TLS)
	if raw.Users != "" {
		a.Users = p.filePath("api.users", raw.Users)
	}
	p.listen(raw.Listen, &a, c.VIPs)
	a.OIDC = p.oidc(raw.OIDC, len(a.Listeners) > 0)
	if len(a.Listeners) > 0 && a.Users == "" {
		p.addMissing("api.users", usersCure)
	}
	return a
}

// listen reads api.listen.
func (p *problems) listen(value any, a *API, vips []VIP) {
	const path = "api.listen"
	if p.malformed[path] {
		return
	}
	listen, several := p.listed(path, value)
	if len(listen) == 0 && p.written(path) {
		p.add(path, "names nothing to listen on", listenCure)
	}
	sockets := 0
	for i, text := range listen {
		at := path
		if several {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		scheme, rest, _ := strings.Cut(text, "://")
		switch scheme {
		case "unix":
			if sockets++; sockets > 1 {
				p.add(at, "is a second unix socket, and only one is supported", "keep one of them")
			}
			a.Socket = p.socket(at, rest)
		case "https", "http":
			l := APIListener{Address: p.listenAddress(at, rest, vips), Plain: scheme == "http"}
			if slices.ContainsFunc(a.Listeners, func(o APIListener) bool { return o.Address == l.Address }) {
				p.add(at, fmt.Sprintf("%v stands twice", l.Address), "give each address once")
			}
			if l.Plain && l.Address.IsValid() && !l.Address.Addr().IsLoopback() {
				p.add(at, "would send passwords in clear", "write https:// in place of http://, which is for loopback addresses only")
			}
			a.Listeners = append(a.Listeners, l)
		default:
			p.add(at, "is neither a unix socket nor an https:// address", listenCure)
		}
	}
}

// listed reads one text or a list of them; environment and flags have commas between.
func (p *problems) listed(path string, value any) (texts []string, several bool) {
	if _, told := p.overrides[path]; told {
		return splitList(fmt.Sprint(value)), true
	}
	list, several := value.([]any)
	switch {
	case value == nil:
		return nil, false
	case !several:
		return []string{fmt.Sprint(value)}, false
	}
	for _, one := range list {
		texts = append(texts, fmt.Sprint(one))
	}
	return texts, true
}

func (p *problems) socket(at, socket string) string {
	switch {
	case !filepath.IsAbs(socket) || strings.ContainsRune(socket, 0):
		p.add(at, fmt.Sprintf("%q has no absolute path", "unix://"+socket), listenCure)
	case len(socket) > maxSocketPath:
		p.add(at, fmt.Sprintf("the socket's path has %d characters", len(socket)),
			fmt.Sprintf("use at most %d", maxSocketPath))
	}
	return socket
}

// listenAddress reads an address of this machine, which no VIP is: packets for it
// may go to any node.
func (p *problems) listenAddress(at, rest string, vips []VIP) netip.AddrPort {
	const cure = "write an address of this machine, such as https://192.0.2.11:9453"
	address, err := apiAddress(rest)
	switch addr := address.Addr(); {
	case err != nil || addr.Zone() != "" || addr.IsMulticast():
		p.add(at, "has no IP address to listen on", cure)
	case address.Port() == 0:
		p.add(at, "port 0 is out of range", "use 1 to 65535")
	case slices.ContainsFunc(vips, func(v VIP) bool { return v.Address == addr }):
		p.add(at, fmt.Sprintf("%v is a VIP, which every node has", addr), cure)
	default:
		return address
	}
	return netip.AddrPort{}
}

// apiAddress reads what stands behind the scheme in api.listen.
func apiAddress(rest string) (netip.AddrPort, error) {
	rest = strings.TrimSuffix(rest, "/")
	if _, _, err := net.SplitHostPort(rest); err != nil {
		rest = net.JoinHostPort(trimBrackets(rest), strconv.Itoa(DefaultAPIPort))
	}
	address, err := netip.ParseAddrPort(rest)
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), err
}

// certificate reads api.tls: both files or none.
func (p *problems) certificate(raw rawTLS) (cert, key string) {
	switch {
	case raw.Cert == "" && raw.Key == "":
		return "", ""
	case raw.Cert == "":
		p.addMissing("api.tls.cert", "name the file of the certificate that api.tls.key belongs to")
		return "", ""
	case raw.Key == "":
		p.addMissing("api.tls.key", "name the file of the private key of api.tls.cert")
		return "", ""
	}
	return p.filePath("api.tls.cert", raw.Cert), p.filePath("api.tls.key", raw.Key)
}

// hosts reads names that stand in a browser's address line.
func (p *problems) hosts(raw []string) []string {
	var names []string
	for i, name := range raw {
		at := fmt.Sprintf("api.hosts[%d]", i)
		if len(name) > 253 || !nameForm.MatchString(name) {
			p.add(at, fmt.Sprintf("%q is no host name", name), "write it as in a browser's address line, without https:// and port")
			continue
		}
		names = append(names, strings.ToLower(name))
	}
	return names
}

func (p *problems) peerPort(port int64, gossip netip.AddrPort) uint16 {
	const path = "api.peer_port"
	switch {
	case port < 0 || port > 65535:
		p.add(path, fmt.Sprintf("%d is out of range", port), "use 1 to 65535, or 0 so that the nodes do not ask one another")
		return 0
	case port != 0 && gossip.IsValid() && uint16(port) == gossip.Port():
		p.add(path, fmt.Sprintf("%d is the port of cluster.bind too", port), "use two ports")
	}
	return uint16(port)
}
