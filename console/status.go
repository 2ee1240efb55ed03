package console

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// NodeState is a phase in a node's life (DESIGN §5).
type NodeState string

// The states of a node, in the order in which a node goes through them.
const (
	// Stopped serves nothing, by an operator's wish or after a failure.
	Stopped NodeState = "stopped"
	// Starting joins the farm and lets nothing in yet.
	Starting NodeState = "starting"
	// Waiting is ready but for a check that fails.
	Waiting NodeState = "waiting"
	// Up serves its share of every rule.
	Up NodeState = "up"
	// Draining lets no new flow in and keeps the flows it has.
	Draining NodeState = "draining"
	// Unreachable is another node that no longer answers. A node never says it
	// of itself.
	Unreachable NodeState = "unreachable"
	// Busy is a node whose daemon does not come to saying how it is; nothing else of
	// its Status is known but the name.
	Busy NodeState = "busy"
)

// OwnStates are those that a node can have in its own eyes.
func OwnStates() []NodeState { return []NodeState{Stopped, Starting, Waiting, Up, Draining} }

// DoesNotAnswer is why there is no word of a node whose daemon is Busy.
func DoesNotAnswer(node string) error {
	return &Error{
		Code: CodeUnavailable, Message: node + " does not answer: its daemon is there, but busy or stuck",
		Cure: "look at the machine's load and at the daemon's log; clients are served as they were",
	}
}

// answered is DoesNotAnswer of a node that is Busy.
func (s Status) answered() error {
	if s.State == Busy {
		return DoesNotAnswer(s.Node)
	}
	return nil
}

// Status is what one node knows about itself and its farm at one moment. Its
// JSON form is a contract (DESIGN §9): fields are added, never renamed.
type Status struct {
	// Node is the name of the node that reports.
	Node string `json:"node"`
	// State is that node's own state.
	State NodeState `json:"state"`
	// Reason says in one sentence why State is not Up.
	Reason string `json:"reason,omitempty"`
	// DrainEnds is when a node that is Draining stops at the latest; zero if it waits for
	// its last connection however long that takes.
	DrainEnds time.Time `json:"drain_ends,omitzero"`
	// Failed says that the node is Stopped, and no operator has done that.
	Failed bool `json:"failed,omitempty"`
	// Fenced says why the node lets nothing new in though it is Up.
	Fenced string `json:"fenced,omitempty"`
	// ConfigDigest is of what all nodes must have alike: VIPs, rules, default and the
	// hash key. It tells nothing of the key.
	ConfigDigest string `json:"config_digest,omitempty"`
	// BehindBalancer says that the farm has no VIP: a balancer in front picks the node,
	// and of rules, VIPs and packet path there is nothing.
	BehindBalancer bool `json:"behind_balancer,omitempty"`
	// Withdrawn says why a node behind a balancer serves nobody, though it may be up.
	Withdrawn []string `json:"withdrawn,omitempty"`
	// View names the membership that the node acts on; 0 if it has none.
	View ViewID `json:"view"`
	// Settled says that no bucket of any rule is unsettled.
	Settled bool `json:"settled"`
	// Nodes are the members of the farm, this one included, by name.
	Nodes []Node `json:"nodes"`
	// Rules are the rules of the configuration, in its order.
	Rules []Rule `json:"rules"`
	// VIPs are the shared addresses of the configuration, in its order.
	VIPs []VIP `json:"vips"`
	// Wire says which nodes do not get the frames of which VIPs, and what to do.
	Wire []string `json:"wire,omitempty"`
	// Machine says what of this machine's network keeps the node from serving, and what
	// to do.
	Machine []string `json:"machine,omitempty"`
	// Datapath is what the packet path is and has done.
	Datapath Datapath `json:"datapath"`
	// Checks are the health checks, in the configuration's order.
	Checks []Check `json:"checks"`
	// Services are the supervised services, in the configuration's order.
	Services []Service `json:"services"`
	// ChecksSuspended says that checks do not count, for maintenance.
	ChecksSuspended bool `json:"checks_suspended,omitempty"`
	// Cordoned says that an operator keeps the node out: neither a boot nor a start
	// brings it up, but only an uncordon.
	Cordoned bool `json:"cordoned,omitempty"`
	// Neighbours counts, by the protocol "arp" or "ndp", what became of the messages
	// of neighbours about the VIPs, by reason, and what this node has announced.
	Neighbours map[string]map[string]uint64 `json:"neighbours,omitempty"`
	// Cluster is the condition of membership; nil while the node is no member.
	Cluster *Cluster `json:"cluster,omitempty"`
	// Lease is how far new flows may be let in; nil while they may not.
	Lease *Lease `json:"lease,omitempty"`
	// Fingerprint is the SHA-256 of the certificate that the API shows to people;
	// empty if it shows none.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Lease is how far new flows may be let in.
type Lease struct {
	// RemainingMS is how long still, if nothing is confirmed any more, in ms.
	RemainingMS int64 `json:"remaining_ms"`
	// ConfirmedMS is how old the oldest confirmation is that it hangs by, in ms.
	ConfirmedMS int64 `json:"confirmed_ms"`
}

// Node is one member of the farm as the reporting node sees it.
type Node struct {
	// Name is the member's name.
	Name string `json:"name"`
	// State is the member's state.
	State NodeState `json:"state"`
	// Address is where the member's gossip comes from; the zero Addr, in JSON an
	// empty string, if it is not known.
	Address netip.Addr `json:"address"`
	// Shares is the member's part of each rule's buckets, by rule name, 0 to 1.
	Shares map[string]float64 `json:"shares"`
	// ConfigDigest is the member's, as Status has the reporting node's; empty if it
	// does not say.
	ConfigDigest string `json:"config_digest,omitempty"`
}

// Differing are the members whose VIPs, rules or default are others than the reporting
// node's: they cannot share clients with it.
func (s Status) Differing() (names []string) {
	for _, n := range s.Nodes {
		if n.ConfigDigest != "" && s.ConfigDigest != "" && n.ConfigDigest != s.ConfigDigest {
			names = append(names, n.Name)
		}
	}
	return names
}

// Rule is how one rule's buckets stand on the reporting node.
type Rule struct {
	// Name is the rule's name.
	Name string `json:"name"`
	// Buckets is how many buckets the rule has in all.
	Buckets int `json:"buckets"`
	// Mine is how many of them the reporting node owns.
	Mine int `json:"mine"`
	// Unsettled is how many of them another live node may still have flows in.
	Unsettled int `json:"unsettled"`
	// Sticky is how many buckets have, or may have, clients that another node than
	// the owner keeps, on the reporting node.
	Sticky int `json:"sticky,omitempty"`
	// Mode is "single" of a rule that one node serves alone, "block" of one that
	// nobody serves; empty of those that the nodes share.
	Mode string `json:"mode,omitempty"`
	// Weight is the reporting node's weight now, 0 to 100.
	Weight int `json:"weight"`
	// Withdrawn says why the reporting node does not serve the rule, if something
	// else than the weight that is configured keeps it from that.
	Withdrawn []string `json:"withdrawn,omitempty"`
	// Flows is how many TCP connections of the rule the reporting node has, or had up
	// to a second ago.
	Flows int `json:"flows,omitempty"`
	// Protocol is tcp or udp, Ports are what is served, as in the configuration, and
	// Affinity is what of a client picks its bucket.
	Protocol string   `json:"protocol,omitempty"`
	Ports    []string `json:"ports,omitempty"`
	Affinity string   `json:"affinity,omitempty"`
}

// VIP is one shared address.
type VIP struct {
	// Address is the shared address.
	Address netip.Addr `json:"address"`
	// MAC is the Ethernet address that answers for it, as six hexadecimal pairs
	// with colons.
	MAC string `json:"mac"`
	// Mode is how every node gets to see the address's frames.
	Mode string `json:"mode"`
	// Responder names the node that answers ARP and NDP for the address; empty
	// if nobody does.
	Responder string `json:"responder,omitempty"`
	// Conflict is another machine's claim of the address; nil if there was none of
	// late.
	Conflict *Conflict `json:"conflict,omitempty"`
}

// Conflict is a claim of a VIP by a machine that must not have it (RFC 5227).
type Conflict struct {
	// MAC is the Ethernet address that claims it, or where a claim with the VIP's own
	// came from.
	MAC string `json:"mac"`
	// Text says what it is, and what to do.
	Text string `json:"text,omitempty"`
	// Seen is when it did so last.
	Seen time.Time `json:"seen"`
}

// Check is one health check.
type Check struct {
	// Name is the check's name.
	Name string `json:"name"`
	// State is "up", "down", or "unknown" while there is no verdict.
	State string `json:"state"`
	// Detail is what the last run has found.
	Detail string `json:"detail,omitempty"`
	// Warning is what will go wrong, though all is well yet.
	Warning string `json:"warning,omitempty"`
}

// Service is one supervised service.
type Service struct {
	// Name is the service's name.
	Name string `json:"name"`
	// State is "stopped", "starting", "up", "stopping" or "down".
	State string `json:"state"`
	// Detail is its last failure.
	Detail string `json:"detail,omitempty"`
	// Restarts counts the failures within the service's window.
	Restarts int `json:"restarts"`
}

// Cluster is the condition of membership.
type Cluster struct {
	// HealthScore is memberlist's view of this node's own health: 0 is well,
	// every point makes it slower to suspect others.
	HealthScore int `json:"health_score"`
	// RefusedMessages counts gossip that could not be opened or understood, such
	// as that of a peer with another key.
	RefusedMessages uint64 `json:"refused_messages"`
	// Messages counts what the nodes tell one another beside gossip's own.
	Messages Messages `json:"messages"`
	// DetectionMS is how long a crashed peer's clients may wait until the others
	// let them in, in milliseconds, by the timings in use.
	DetectionMS int64 `json:"detection_ms"`
	// GossipBlocked names the nodes that are there, by their heartbeats on the VIPs'
	// interface or by others' word, but with whom gossip does not come through, each with the
	// address and port that is blocked.
	GossipBlocked []string `json:"gossip_blocked,omitempty"`
	// KeyChange says that two gossip keys are believed: a change of the key is not
	// at its end.
	KeyChange bool `json:"key_change,omitempty"`
	// NetworksCut names the nodes that are not heard on one heartbeat network though
	// they are on another, each with the address and port there.
	NetworksCut []string `json:"networks_cut,omitempty"`
	// ForeignHeartbeats are the Ethernet addresses of machines on the VIPs' segment whose
	// heartbeats no key of this farm's opens.
	ForeignHeartbeats []string `json:"foreign_heartbeats,omitempty"`
	// LeasesMS are the leases of the nodes that are heard and of the reporting one, by name,
	// in milliseconds; empty where all have the same.
	LeasesMS map[string]int64 `json:"leases_ms,omitempty"`
	// JoinList is cluster.join of the reporting node where that names too few nodes; nil
	// if it names all that are known.
	JoinList *JoinList `json:"join_list,omitempty"`
}

// Messages count messages between this node and others since its daemon was started.
type Messages struct {
	// Sent and Received are whole messages; one may be received once on each network.
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
	// Failed could not be sent, Overflowed found too many waiting for their receiver, and
	// Dropped came faster than they were read, or empty.
	Failed     uint64 `json:"failed"`
	Overflowed uint64 `json:"overflowed"`
	Dropped    uint64 `json:"dropped"`
}

// leases says who has which lease where they differ, and what to do; "" where they do not.
func (c *Cluster) leases() string {
	if len(c.LeasesMS) == 0 {
		return ""
	}
	var each []string
	for _, name := range slices.Sorted(maps.Keys(c.LeasesMS)) {
		each = append(each, fmt.Sprintf("%s %d ms", name, c.LeasesMS[name]))
	}
	return "leases differ: " + strings.Join(each, ", ") + "; the longest is how long a lost node is waited for: give all nodes one cluster.profile"
}

// JoinList is a list of peers that names too few nodes.
type JoinList struct {
	// Named is how many nodes it names, the reporting one included.
	Named int `json:"named"`
	// Missing are the known nodes that it does not name, each as it would.
	Missing []string `json:"missing"`
}

// String says so, and what to do.
func (j *JoinList) String() string {
	return fmt.Sprintf("cluster.join names %d of %d nodes: add %s, and thresher reload", j.Named, j.Named+len(j.Missing), strings.Join(j.Missing, ", "))
}
