package config

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// What holds where file, environment and flags say nothing.
const (
	// DefaultPort is the port of gossip, memberlist's own default.
	DefaultPort = 7946
	// DefaultRunDir is where the daemon keeps what must not outlive a boot.
	DefaultRunDir = "/run/thresher"
	// DefaultStateDir is where the daemon keeps what must outlive a boot.
	DefaultStateDir = "/var/lib/thresher"
	// DefaultSocket is the daemon's API. With another run_dir it is there.
	DefaultSocket = DefaultRunDir + "/" + socketName
	// DefaultAPIPort is the port of the API for people and tools, by HTTPS.
	DefaultAPIPort = 9453
	// DefaultPeerPort is the port on which the nodes ask and tell one another.
	DefaultPeerPort = 9454
	// DefaultJoinTimeout is how long a starting node waits for its peers.
	DefaultJoinTimeout = 3 * time.Second
	// DefaultWeight is a node's weight in a rule.
	DefaultWeight = 100
	// DefaultPriority is a node's priority in a rule with mode single: in the
	// middle, so that a node can be put before or behind all that say nothing.
	DefaultPriority = 50
	// DefaultPrefix4 and DefaultPrefix6 are what affinity network takes for a
	// network: what one site is usually given (RFC 6177 for IPv6 speaks of more, but
	// a host's own addresses, RFC 8981, are within 64 bits).
	DefaultPrefix4 = 24
	DefaultPrefix6 = 64

	socketName = "api.sock"
)

// defaults are the values below the file's, by path. They are in the file's
// types, so that they pass the same checks.
func (p *problems) defaults() map[string]any {
	values := map[string]any{
		"default":              Deny.String(),
		"cluster.partition":    Serve.String(),
		"cluster.profile":      Fast.String(),
		"cluster.join_timeout": DefaultJoinTimeout.String(),
		"datapath.offload":     OffloadFull.String(),
		"datapath.xdp":         XDPAuto.String(),
		"datapath.zero_copy":   ZeroCopyAuto.String(),
		"datapath.queues":      "auto",
		"datapath.pin":         true,
		"api.peer_port":        DefaultPeerPort,
		"run_dir":              DefaultRunDir,
		"state_dir":            DefaultStateDir,
	}
	// Without a host name, node.name is missing and is asked for.
	if name, err := os.Hostname(); err == nil {
		values["node.name"] = name
	}
	return values
}

// defaultSocket is the API's socket where api.listen says nothing.
func defaultSocket(runDir string) string { return filepath.Join(runDir, socketName) }

// withPort adds the default port to an address that has none.
func withPort(text string) string {
	if _, _, err := net.SplitHostPort(text); err == nil {
		return text
	}
	return net.JoinHostPort(trimBrackets(text), strconv.Itoa(DefaultPort))
}

func trimBrackets(text string) string {
	if n := len(text); n > 1 && text[0] == '[' && text[n-1] == ']' {
		return text[1 : n-1]
	}
	return text
}
