// Package netcheck finds out, before a farm goes live, whether the network does
// what a farm needs: that frames for the VIPs' shared Ethernet addresses reach every
// node and keep doing so, and that nobody else answers for the VIPs.
//
// It runs on every node at once; on those whose daemon runs, that takes part. Each
// sends probes and says which ones of the others it has seen (package wire). What
// was found is judged by survey, which is pure.
package netcheck
