// Package farmtest runs the real program on farms of perf/lab, keeps clients busy
// there while it breaks, and judges what they noticed: at the client's end of the
// wire, never by what the nodes say of themselves. It is for tests.
//
//	Farm   machines, daemons, servers, and what brings them all back
//	Load   established connections, new ones, and SYNs to one node's buckets
//	Views  how often a node saw the farm change
package farmtest
