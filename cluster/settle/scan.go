package settle

import "thresher/cluster/confirm"

// expectScan makes earlier scans and the report made of them void: they do not
// speak of the present state.
func (n *Node) expectScan() {
	n.scanFrom = n.now.Add(n.params.Margin)
	n.nextScan = n.scanFrom
	n.proved = false
	n.report = nil
}

// scanDue says when the next scan is due, and whether there is to be one. While
// only others have foreign flows, this node gets none, and need not scan.
func (n *Node) scanDue() (due confirm.Time, needed bool) {
	return n.nextScan, !n.proved || !n.maybe.Empty()
}

// askScan asks for a scan that is due.
func (n *Node) askScan() {
	if due, needed := n.scanDue(); needed && !n.scanning && n.now >= due {
		n.scanning, n.out.Scan = true, true
	}
}

// Scanned tells the outcome of a scan that began at started: all buckets in
// which this node has flows, its own among them. A scan that began too early
// proves nothing, and is asked for again.
func (n *Node) Scanned(now, started confirm.Time, flows confirm.Buckets) Actions {
	n.begin(now)
	n.scanning = false
	if started < n.scanFrom {
		return n.finish()
	}
	n.counts.scans++
	n.proved, n.dirty = true, true
	flows = flows.Intersect(n.universe)
	n.maybe = flows.Minus(n.state.Held)
	n.nextScan = n.now.Add(max(n.params.Rescan, scanShare*n.now.Sub(started)))
	n.renew(flows.Minus(n.state.Own))
	return n.finish()
}

// ScanFailed tells that a scan could not be made. It is asked for again soon.
func (n *Node) ScanFailed(now confirm.Time) Actions {
	n.begin(now)
	n.scanning = false
	n.nextScan = max(n.nextScan, n.now.Add(scanRetry))
	return n.finish()
}

// renew makes the report of a scan, and has it sent to all if it says anything
// new.
func (n *Node) renew(flows confirm.Buckets) {
	if n.report != nil && n.report.Flows.Equal(flows) {
		return
	}
	n.report = &Report{
		Name: n.name, Boot: n.state.Boot, View: n.state.View, Release: n.state.Release,
		Rules: n.rules, Flows: flows,
	}
	n.number()
	for _, p := range n.peers {
		p.due = p.status == Alive
	}
}

// number gives the report that goes out next a new number: above the last, and
// above those of a process that has handed its boot over to this one.
func (n *Node) number() {
	n.seq = max(n.seq+1, uint64(n.now))
	if n.report != nil {
		again := *n.report
		again.Seq = n.seq
		n.report = &again
	}
}
