// Package lab builds farms out of network namespaces inside one machine: a
// switch, nodes and clients, joined by veth pairs. The demo, the end-to-end
// tests and the benchmarks all stand on it. It needs root and a Linux kernel
// with veth and bridge, and no program at all.
//
//	              switch: br0, a plain learning bridge
//	    .-------------------------------------------------.
//	    |  sw-n1     sw-n2     sw-n3            sw-c1     |
//	    '----+---------+---------+----------------+-------'
//	         | veth    |         |                |
//	       eth0      eth0      eth0             eth0
//	      node1     node2     node3            client1
//	  198.18.0.11  .0.12     .0.13          198.18.1.1 ... .1.254
//
//	VIP 198.18.0.100, on no interface until a daemon puts it on the nodes' lo.
//	client1 also owns 198.18.128.0/17, the sources of SendSYNs.
//
// With Config.Back the nodes have another network, 198.19.0.11 and so on on eth1, for
// themselves.
//
// A farm with a plain web server on every node, asked by a client:
//
//	farm, err := lab.New(ctx, lab.Config{Nodes: 3, Clients: 1})
//	if err != nil {
//		return err
//	}
//	defer farm.Close()
//	for _, node := range farm.Nodes {
//		if _, err := node.StartHTTP("0.0.0.0:80", nil); err != nil {
//			return err
//		}
//	}
//	web := farm.Clients[0].HTTPClient(netip.Addr{})
//	answer, err := web.Get("http://198.18.0.12/") // "node2"
//
// # Nothing is left behind
//
// The namespaces have no name. A file descriptor of this process and one OS
// thread hold each of them, every link is born inside one, and child processes
// are killed by the kernel when that thread dies (prctl(2), PR_SET_PDEATHSIG).
// So however this process ends, by SIGKILL too, namespaces, links, routes and
// children go with it; ip-netns(8), the machine's links and its mounts are never
// touched. Only the directory of configurations, sockets and logs can outlive a
// SIGKILL; the next New removes it.
//
// A socket made by Listen, ListenPacket or Dial belongs to the caller and keeps
// its namespace alive until it is closed.
//
// # Faults
//
// PowerOff and PowerOn, PortUp, Cut, Lose, LimitCPU and the Pause of a process or
// of a whole node break the farm; Close undoes all of it. What comes of it is
// judged at a client's end of the wire, by Capture and WatchHandshakes. Partitions
// and losses are made on the switch: what a node's own filters drop, its XDP
// program has seen already.
//
// # Traps
//
//   - Child processes see the machine's /sys, so /sys/class/net lists the
//     machine's interfaces and not the node's. Ask netlink or ethtool instead.
//     (ip-netns(8) remounts /sys, which hides the BPF file system.)
//   - The bridge keeps its defaults: it learns for 300 s and it snoops multicast
//     by IP destination, without a querier.
//   - The neighbour table is one for the whole kernel, 1,024 entries, for all
//     namespaces together. Nodes therefore route each client's addresses through
//     the client's first one, so that a client costs one entry and not hundreds.
//   - All namespaces share one secret for SYN cookies and sequence numbers, so a
//     connection accepted by two nodes can look like success. Judge by the
//     source addresses that a Capture saw.
package lab
