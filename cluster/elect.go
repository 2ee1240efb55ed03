package cluster

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
)

// responderDomain keeps the election's hashes apart from any other's.
const responderDomain = "thresher responder 1\n"

// Responder returns the name of the one node that answers ARP and neighbour
// discovery for vip, or "" when the view has no node. It is rendezvous again:
// every node has a hash of its name and the VIP, the greatest wins. So
// several VIPs spread over the nodes, and when a node goes only the VIPs that it
// answered for move. Weights don't matter: answering costs next to nothing, and
// a VIP must have an answerer when its rules are all withdrawn on a node.
//
// An IPv4 address and the IPv6 address that it is mapped to are the same VIP.
func (v View) Responder(vip netip.Addr) string {
	var best [sha256.Size]byte
	winner := ""
	for i, n := range v.Nodes {
		score := responderScore(n.Name, vip)
		// Nodes are in order of name, so the smaller wins a tie.
		if i == 0 || bytes.Compare(score[:], best[:]) > 0 {
			best, winner = score, n.Name
		}
	}
	return winner
}

// responderScore hashes the VIP in its 16-byte form before the name, so that no
// length is needed between them.
func responderScore(name string, vip netip.Addr) [sha256.Size]byte {
	address := vip.As16()
	form := append([]byte(responderDomain), address[:]...)
	return sha256.Sum256(append(form, name...))
}
