// Package traffic keeps clients busy at a farm of perf/lab while it suffers, and
// says what they noticed.
//
//	Keep     holds established connections open, some talking, some silent:
//	         which broke, how, and how long an echo took at worst
//	Probe    sends one SYN every 10 ms: when was which answered, by which node
//	Connect  opens new connections at a rate, each with one echo: how long they
//	         took, which failed
//	Clients  finds out which clients a node serves
//
// All of them speak to lab.Host's StartTCPEcho or to any server of the VIP, and
// run beside one another. What they report is the client's view; together with a
// lab.Handshakes, which knows who answered and what was sent twice, it is all that
// a test of faults needs. They are cheap: a silent connection costs a descriptor,
// a talking one a small goroutine, and no thread stands in the host's namespace but
// one for each Keeper and Connector.
package traffic
