package metrics

import "github.com/prometheus/client_golang/prometheus"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("thresher_"+name, help, labels, nil)
}

// Everything that is shown.
var (
	build     = desc("build_info", "The running program.", "version")
	farmInfo  = desc("farm_info", "The farm that this node is of, named by its first VIP; without a name if it has none.", "farm")
	nodeState = desc("node_state", "1 for the state that this node is in.", "state")
	failed    = desc("node_failed", "1 if this node has stopped by itself, since something failed too often.")
	settled   = desc("node_settled", "1 if no bucket of any rule is unsettled.")
	withdrawn = desc("node_withdrawn", "1 if this node, behind another balancer, serves nobody though it may be up.")
	viewInfo  = desc("view_info", "The membership that this node acts on.", "view")
	farmNodes = desc("farm_nodes", "Members of the farm in the eyes of this node, by their state.", "state")
	differing = desc("farm_config_differing_nodes", "Members of the farm whose VIPs, rules or default are others than this node's.")
	share     = desc("node_share_ratio", "A node's part of a rule's buckets, 0 to 1.", "node", "rule")
	leaseLeft = desc("lease_remaining_seconds", "How long new flows may be let in still if nothing is confirmed any more; 0 of a node that is up and lets nothing new in.")
	confirmed = desc("confirmation_age_seconds", "How old the oldest confirmation is that this node's lease hangs by.")
	takeover  = desc("takeover_seconds", "How long a crashed node's clients wait at worst, by the timings in use.")

	buckets     = desc("rule_buckets", "Buckets of a rule in all.", "rule")
	bucketsMine = desc("rule_buckets_owned", "Buckets that new flows may enter on this node.", "rule")
	unsettled   = desc("rule_buckets_unsettled", "Buckets that another node may have flows in.", "rule")
	sticky      = desc("rule_buckets_sticky", "Buckets with clients that another node than the owner may keep.", "rule")
	connections = desc("rule_connections", "TCP connections of a rule on this node, counted once a second at most.", "rule")
	responder   = desc("vip_responder", "1 if this node answers ARP for the VIP.", "vip", "mode")

	conflict  = desc("vip_conflict", "1 if another machine has claimed the VIP lately.", "vip")
	wireBlind = desc("wire_problems", "Nodes that do not get the frames of a VIP, each VIP by itself.")

	pathInfo = desc("datapath_info", "How packets are taken from the interface.", "offload", "xdp", "zero_copy")
	queues   = desc("datapath_queues", "Receive queues that are read.")
	packets  = desc("packets_total", "Packets for the VIPs by the reason for what became of them.", "reason")
	accepted = desc("packets_accepted_total", "Packets let into this node's stack.")
	rejected = desc("packets_rejected_total", "Packets left to other nodes, or refused.")
	asked    = desc("packets_asked_total", "Packets that the kernel program handed to the pipeline.")
	opened   = desc("connections_opened_total", "Packets let into this node's stack that open a TCP connection; one that is sent again counts again.")

	handOnLost = desc("hand_on_lost_total", "Packets for other nodes that the interface could not take.")

	rxDropped   = desc("xsk_rx_dropped_total", "Packets dropped by AF_XDP sockets for another reason than a full ring.")
	rxInvalid   = desc("xsk_rx_invalid_descriptors_total", "Bad descriptors in fill rings.")
	txInvalid   = desc("xsk_tx_invalid_descriptors_total", "Bad descriptors in transmit rings.")
	rxRingFull  = desc("xsk_rx_ring_full_total", "Packets dropped since a receive ring was full.")
	rxFillEmpty = desc("xsk_rx_fill_ring_empty_total", "Times that a fill ring ran dry.")
	txRingEmpty = desc("xsk_tx_ring_empty_total", "Times that a transmit ring ran dry.")

	checkUp         = desc("check_up", "1 if a health check is up.", "check")
	serviceUp       = desc("service_up", "1 if a service is up.", "service")
	serviceRestarts = desc("service_restarts", "Restarts of a service within its window.", "service")
	healthScore     = desc("gossip_health_score", "memberlist's view of this node's own health: 0 is well.")
	refused         = desc("gossip_refused_messages_total", "Gossip that could not be opened or understood.")
	messages        = desc("gossip_messages_total", "Messages between this node and others, beside gossip's own: sent, received, failed to be sent, overflowed where too many waited for one receiver, or dropped since they came faster than they were read.", "outcome")
	blocked         = desc("gossip_blocked_nodes", "Nodes that are there, but with whom gossip does not come through.")
	networksCut     = desc("heartbeat_networks_cut", "Ways to other nodes by one heartbeat network that are cut while another network reaches them.")
	eventsTotal     = desc("events_total", "Events by kind and level.", "kind", "level")
)

func all() []*prometheus.Desc {
	return []*prometheus.Desc{
		build, farmInfo, nodeState, failed, settled, withdrawn, viewInfo, farmNodes, differing, share, leaseLeft, confirmed, takeover,
		buckets, bucketsMine, unsettled, sticky, connections, responder, conflict, wireBlind,
		pathInfo, queues, packets, accepted, rejected, asked, opened, handOnLost,
		rxDropped, rxInvalid, txInvalid, rxRingFull, rxFillEmpty, txRingEmpty,
		checkUp, serviceUp, serviceRestarts, healthScore, refused, messages, blocked, networksCut, eventsTotal,
	}
}
