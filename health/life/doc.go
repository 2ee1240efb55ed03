// Package life decides what a node does about its services and checks: in which
// order services are started and stopped, when traffic may come in and must be out,
// which rules are withdrawn, and when the node has to wait or to stop.
//
// A Machine is pure: what operators, checks, services and the packet path say goes
// in, what is to be done comes out. A node goes through
//
//	off → held → starting → ready → closing → stopping → off, held or starting
//
// Services run from starting to stopping. Traffic is let in while ready alone:
// after the services are ready and every check of them has a verdict, and it is out
// before a service is stopped, but for a restart in place.
package life
