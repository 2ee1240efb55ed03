package config

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The bounds of cluster.join_timeout: below, no peer has had time to answer;
// above, the node would seem dead.
const (
	minJoinTimeout = 100 * time.Millisecond
	maxJoinTimeout = time.Hour
)

func (p *problems) cluster(raw rawCluster, vips []VIP) Cluster {
	c := Cluster{Bind: p.bind(raw.Bind, vips), Join: p.join(raw.Join, vips), Insecure: raw.Insecure}
	c.Keys, c.KeyFile = p.keys(raw)
	c.Profile = readEnum(p, profiles, "cluster.profile", raw.Profile)
	c.Partition = readEnum(p, partitions, "cluster.partition", raw.Partition)
	c.JoinTimeout = p.duration("cluster.join_timeout", raw.JoinTimeout, minJoinTimeout, maxJoinTimeout)
	return c
}

func (p *problems) bind(text string, vips []VIP) netip.AddrPort {
	const path = "cluster.bind"
	if text == "" {
		p.addMissing(path, "give this node's own address, such as 192.0.2.11")
		return netip.AddrPort{}
	}
	return p.peer(path, text, vips)
}

func (p *problems) join(raw []string, vips []VIP) []netip.AddrPort {
	var peers []netip.AddrPort
	for i, text := range raw {
		path := fmt.Sprintf("cluster.join[%d]", i)
		peer := p.peer(path, text, vips)
		if peer.IsValid() && slices.Contains(peers, peer) {
			p.add(path, fmt.Sprintf("%v stands twice", peer), "give each peer once")
		} else if peer.IsValid() {
			peers = append(peers, peer)
		}
	}
	return peers
}

// peer reads the address of a node, which is never a VIP: every node has those.
func (p *problems) peer(path, text string, vips []VIP) netip.AddrPort {
	const cure = "use a node's own IP address, with or without a port, such as 192.0.2.11:7946"
	peer, err := netip.ParseAddrPort(withPort(text))
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	addr := peer.Addr()
	switch {
	case err != nil || addr.Zone() != "":
		p.add(path, fmt.Sprintf("%q is no address of a node", text), cure)
	case peer.Port() == 0:
		p.add(path, "port 0 is out of range", "use 1 to 65535")
	case addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		p.add(path, fmt.Sprintf("%v is no address of a single node", addr), cure)
	case slices.ContainsFunc(vips, func(v VIP) bool { return v.Address == addr }):
		p.add(path, fmt.Sprintf("%v is a VIP", addr), cure)
	default:
		return peer
	}
	return netip.AddrPort{}
}

// keys reads the key file, which there must be unless the farm is insecure.
func (p *problems) keys(raw rawCluster) (keys Keys, path string) {
	const key = "cluster.key_file"
	given := raw.KeyFile != "" || p.written(key)
	switch {
	case !given && (raw.Insecure || p.malformed["cluster.insecure"]):
		return Keys{}, ""
	case raw.KeyFile == "":
		p.addMissing(key, "make one with `thresher key FILE`, or set `insecure: true` to go without")
		return Keys{}, ""
	case raw.Insecure:
		p.add("cluster.insecure", "the farm has a key file and is insecure too", "remove one of the two")
		return Keys{}, ""
	}
	path = p.filePath(key, raw.KeyFile)
	keys, err := ReadKeys(path)
	var bad *Error
	if errors.As(err, &bad) {
		head := *bad
		head.Cure = ""
		p.addCause(key, head.Error(), bad.Cure, bad)
	}
	return keys, path
}

// filePath finds a relative path beside the file that names it. From
// environment and flags it is relative to the working directory, as for any
// other program.
func (p *problems) filePath(path, name string) string {
	if _, ok := p.overrides[path]; ok || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(p.file), name)
}

func cureUnit(number string) string { return "it needs a unit, such as " + number + "s" }

// duration reads a duration between two bounds.
func (p *problems) duration(path string, text duration, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(string(text))
	switch {
	case err != nil && strings.Contains(err.Error(), "missing unit"):
		p.add(path, string(text)+" is no duration", cureUnit(string(text)))
	case err != nil:
		p.add(path, fmt.Sprintf("%q is no duration", text), "write it as in 3s or 500ms")
	case d < low || d > high:
		p.add(path, fmt.Sprintf("%v is out of range", d), fmt.Sprintf("use %v to %v", low, high))
	}
	return d
}
