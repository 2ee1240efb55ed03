// Package engine sets up what is measured: Thresher itself at each offload, the
// bare XDP programs that bound it, and the ways of doing the same without it
// that Linux has. Each one gets a lab of its own, on whose first node it decides
// which packets for the VIP are the node's.
//
// Every engine is set up as its users would set it up. That takes a fitting
// Ethernet address for the VIP: netfilter's prerouting hook never sees frames to
// a strange unicast address, so those engines are given a multicast one, and the
// rest of the kernel's own ways the node's.
package engine
