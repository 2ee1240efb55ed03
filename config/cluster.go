package config

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	c := Cluster{Insecure: raw.Insecure}
	c.Bind, c.Further = p.bind(raw.Bind, vips)
	c.Join = p.join(raw.Join, vips)
	p.reach(c)
	c.Keys, c.KeyFile = p.keys(raw)
	c.Profile = readEnum(p, profiles, "cluster.profile", raw.Profile)
	p.timings(raw, &c)
	c.Partition = readEnum(p, partitions, "cluster.partition", raw.Partition)
	c.JoinTimeout = p.duration("cluster.join_timeout", raw.JoinTimeout, minJoinTimeout, maxJoinTimeout)
	return c
}

const bindPath = "cluster.bind"

// bind reads this node's own addresses, one for each heartbeat network.
func (p *problems) bind(value any, vips []VIP) (first netip.AddrPort, further []netip.AddrPort) {
	if p.malformed[bindPath] {
		return first, nil
	}
	if _, told := p.overrides[bindPath]; told && strings.Contains(fmt.Sprint(value), ",") {
		value = anys(splitList(fmt.Sprint(value)))
	}
	list, several := value.([]any)
	switch {
	case value == nil || value == "" || several && len(list) == 0:
		p.addMissing(bindPath, "give this node's own address, such as 192.0.2.11")
		return first, nil
	case !several:
		return p.peer(bindPath, fmt.Sprint(value), vips), nil
	case len(list) > MaxNetworks:
		p.add(bindPath, fmt.Sprintf("%d heartbeat networks are too many", len(list)), fmt.Sprintf("name %d at most", MaxNetworks))
		return first, nil
	}
	own := p.networks(list, vips)
	return own[0], append(further, own[1:]...) // nil of one
}

// networks reads the addresses of several heartbeat networks. Two of them with one
// IP address would fail together.
func (p *problems) networks(list []any, vips []VIP) []netip.AddrPort {
	own := make([]netip.AddrPort, len(list))
	for i, one := range list {
		at := fmt.Sprintf("%s[%d]", bindPath, i)
		own[i] = p.peer(at, fmt.Sprint(one), vips)
		if slices.ContainsFunc(own[:i], func(a netip.AddrPort) bool { return a.IsValid() && a.Addr() == own[i].Addr() }) {
			p.add(at, fmt.Sprintf("%v stands twice", own[i].Addr()), "give this node's address on another network, or leave it out")
		}
	}
	return own
}

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// join reads the peers: one node an item, by one of its addresses or by several
// with blanks between.
func (p *problems) join(raw []string, vips []VIP) []Peer {
	var peers []Peer
	known := make(map[netip.AddrPort]bool)
	for i, text := range raw {
		path := fmt.Sprintf("cluster.join[%d]", i)
		addresses := strings.Fields(text)
		if len(addresses) == 0 {
			addresses = []string{text}
		}
		var peer Peer
		for _, one := range addresses {
			a := p.peer(path, one, vips)
			if a.IsValid() && known[a] {
				p.add(path, fmt.Sprintf("%v stands twice", a), "give each peer once")
			} else if a.IsValid() {
				known[a] = true
				peer = append(peer, a)
			}
		}
		if len(peer) > 0 {
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

// cureUnit is the cure for a number without a unit: seconds where they are within the
// bounds, or else milliseconds.
func cureUnit(number string, low, high time.Duration) string {
	for _, unit := range []string{"s", "ms"} {
		if d, err := time.ParseDuration(number + unit); err == nil && d >= low && d <= high {
			return "it needs a unit, such as " + number + unit
		}
	}
	return "it needs a unit: " + between(low, high)
}

func between(low, high time.Duration) string {
	return "use " + DurationText(low) + " to " + DurationText(high)
}

// DurationText writes a duration as short as time.ParseDuration reads it.
func DurationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const day = 24 * time.Hour

// parseDuration is time.ParseDuration with days, of 24 hours, in front: 1d, 1d12h.
func parseDuration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	n, err := strconv.ParseUint(days, 10, 16)
	if !ok || err != nil {
		return time.ParseDuration(text)
	}
	if rest == "" {
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(rest)
	return time.Duration(n)*day + d, err
}

// tooLong is what a duration looks like; one that can't be read is longer than any.
var tooLong = regexp.MustCompile(`^-?([0-9]+d)?([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))*$`)

// duration reads a duration between two bounds.
func (p *problems) duration(path string, text duration, low, high time.Duration) time.Duration {
	d, err := parseDuration(string(text))
	switch {
	case err != nil && strings.Contains(err.Error(), "missing unit"):
		p.add(path, string(text)+" is no duration", cureUnit(string(text), low, high))
	case err != nil && text != "" && tooLong.MatchString(string(text)):
		p.add(path, fmt.Sprintf("%s is out of range", text), between(low, high))
	case err != nil:
		p.add(path, fmt.Sprintf("%q is no duration", text), "write it as in 3s or 500ms")
	case d < low || d > high:
		p.add(path, fmt.Sprintf("%s is out of range", text), between(low, high))
	}
	return d
}
