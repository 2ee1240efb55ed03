// Package pipeline decides what becomes of each VIP packet: parse, hash,
// accept. It is pure packet work: no socket, no goroutine, no allocation and no
// lock per packet. It is also the reference: whatever the kernel program
// decides by itself must be what this package would have decided.
//
//	frame -> parse -> rule -> hash -> bucket -> mine, lease, flow? -> Reason
//
// What a verdict needs beside the frame comes with it: Facts, which the kernel
// program wrote before it, and the Lease of the moment, read once a batch.
//
// # Ownership
//
// Frames are the caller's. Judge reads them, Deliver writes their first six
// bytes; nothing here keeps a reference to a frame after it has returned.
//
// # Byte order
//
// Addresses and ports are kept as they stand on the wire and loaded as
// little-endian integers, on every machine: that is what the hash is defined
// over, and it costs nothing where both sides are little-endian.
package pipeline
