package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// WithPeer adds a peer, by all its addresses, to those that a configuration names, so
// that a restart of this node alone finds it. Where the list is written in an ordinary
// way, nothing else of the text changes, not even an empty line.
func WithPeer(text []byte, peer Peer) ([]byte, error) {
	d, err := ReadDocument(text)
	if err != nil {
		return nil, err
	}
	var join []string
	d.Get(&join, "cluster", "join")
	next := withPeers(slices.Clone(join), peer)
	if len(next) == len(join) {
		return text, nil
	}
	if edited, ok := d.insertPeer(text, peer); ok && slices.Equal(joinOf(edited), next) {
		return edited, nil
	}
	if err := d.Set(next, "cluster", "join"); err != nil {
		return nil, err
	}
	return d.Text()
}

func joinOf(text []byte) (join []string) {
	if d, err := ReadDocument(text); err == nil {
		d.Get(&join, "cluster", "join")
	}
	return join
}

// insertPeer writes the peer behind the last one, in that one's way.
func (d *Document) insertPeer(text []byte, peer Peer) ([]byte, bool) {
	cluster := valueOf(d.doc.Content[0], "cluster")
	if cluster == nil || cluster.Kind != yaml.MappingNode {
		return nil, false
	}
	list := valueOf(cluster, "join")
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return nil, false
	}
	last := list.Content[len(list.Content)-1]
	lines := strings.SplitAfter(string(text), "\n")
	if last.Line < 1 || last.Line > len(lines) {
		return nil, false
	}
	at := &lines[last.Line-1]
	quoted := "\"" + peer.String() + "\""
	if list.Style&yaml.FlowStyle != 0 {
		before, after, found := strings.Cut((*at)[min(last.Column-1, len(*at)):], "]")
		if !found {
			return nil, false
		}
		*at = (*at)[:last.Column-1] + strings.TrimRight(before, " ") + ", " + quoted + "]" + after
	} else {
		indent := (*at)[:len(*at)-len(strings.TrimLeft(*at, " "))]
		*at = strings.TrimSuffix(*at, "\n") + "\n" + indent + "- " + quoted + "\n"
	}
	return []byte(strings.Join(lines, "")), true
}
