package settle

import "thresher/cluster/confirm"

// Actions are what an event leads to.
type Actions struct {
	// Unsettled are the unsettled buckets, whoever's. They must be in force in
	// the data path no later than the change of held buckets that was told in
	// the same event.
	Unsettled confirm.Buckets
	// Changed says that Unsettled differs from the Actions before.
	Changed bool
	// Scan asks for a scan now. The caller answers with Scanned or ScanFailed,
	// and is not asked again before.
	Scan bool
	// Send are reports, for the members named.
	Send []Outgoing
	// Wake is when Tick must be called at the latest; 0 for never.
	Wake confirm.Time
}

// Outgoing is a report for one member. The report is shared and not to be
// changed.
type Outgoing struct {
	To     string
	Report *Report
}

// Status is a picture of a node, for people and metrics.
type Status struct {
	// Settled says that no bucket is unsettled here.
	Settled bool
	// Held and Foreign count the unsettled buckets that this node holds, and
	// the others, in which it has flows or may have.
	Held, Foreign int
	// Waiting are the members that have not cleared all that this node holds,
	// sorted.
	Waiting []string
	// Scans and Reports count scans that proved something and reports sent,
	// Stale the reports ignored for being old.
	Scans, Reports, Stale uint64
}
