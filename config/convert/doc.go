// Package convert makes a node's configuration out of what other products' farms
// are configured by: SafeKit, Microsoft NLB, CLUSTERIP and keepalived.
//
// Each converter reads a file into a [farm], and says with a [Note] what of the
// file has no counterpart here, and why. What comes out passes config.Parse; what
// can't is refused, with the place in the file.
package convert
