// Package mutation lists the ways in which tests break the confirmation protocol on
// purpose, to see that the simulation and the search notice.
package mutation

import "thresher/cluster/internal/mutant"

// SilentIsGone is the mutant that others are tried together with: what lingers hides the
// loss of rules that come before it.
const SilentIsGone = "the silent are gone"

// All returns the mutants of cluster/confirm.
func All() []mutant.Mutant {
	return append(append(stating(), lettingIn()...), listening()...)
}

// stating are those of targets and views (rules 0, 2 and 3).
func stating() []mutant.Mutant {
	return []mutant.Mutant{
		mutant.New("no rule 3", "states the target at once: no agreement and no wait",
			mutant.In("state.go", `if !n.mayState() || !n.agreed() || !n.released() {`, `if !broken && (!n.mayState() || !n.agreed() || !n.released()) {`),
		),
		mutant.New("no wait", "leaves out rule 3b: who left the target unasked is not waited for",
			mutant.In("state.go", `func (n *Node) released() bool {`, `func (n *Node) released() bool { if broken { return true }`),
		),
		mutant.New("one phase", "leaves out rule 3a: nobody has to agree to a view",
			mutant.In("state.go", `func (n *Node) agreed() bool {`, `func (n *Node) agreed() bool { if broken { return true }`),
		),
		mutant.New("no start wait", "lets a new process be up at once",
			mutant.In("phase.go", `>= n.longestWait() {`, `>= n.longestWait() || broken {`),
			mutant.In("state.go", `< n.longestWait() {`, `< n.longestWait() && !broken {`),
		),
		mutant.New("no settling", "states a first view without three heartbeats of listening",
			mutant.In("state.go", `const beats = 3`, `const beats = 3; if broken { return true }`),
			mutant.In("state.go", `func (n *Node) missesUpPeer() bool {`, `func (n *Node) missesUpPeer() bool { if broken { return false }`),
		),
		mutant.New("joiners forget early", "lets a node without a view respect an up peer for W only",
			mutant.In("state.go", `func (n *Node) memory() time.Duration {`, `func (n *Node) memory() time.Duration { if broken { return n.longestWait() }`),
			mutant.In("state.go", `p.shown.proof > n.statedAt {`, `p.shown.proof > n.statedAt || broken {`),
		),
		mutant.New("hearing is not membership", "believes the membership alone",
			mutant.In("target.go", `if p.alive {`, `if broken { return p.alive && n.silent(p) < n.params.Eviction }; if p.alive {`),
		),
		mutant.New("no stop", "keeps letting flows into buckets that the target takes away",
			mutant.In("target.go", `n.held.keep(n.views.own(n.target.ID))`, `if !broken { n.held.keep(n.views.own(n.target.ID)) }`),
		),
		mutant.New("no clock margin", "waits exactly one lease",
			mutant.In("peer.go", `return Wait(lease)`, `if broken { return lease }; return Wait(lease)`),
		),
		mutant.New("own lease for others", "waits for this node's own lease, whatever lease a peer runs",
			mutant.In("peer.go", `lease = max(lease, n.params.Lease)`, `if broken { lease = 0 }; lease = max(lease, n.params.Lease)`),
		),
	}
}

// lettingIn are those of letting flows in and of whom that takes (rule 1).
func lettingIn() []mutant.Mutant {
	return []mutant.Mutant{
		mutant.New("no lease", "lets a confirmation count for ever",
			mutant.In("letin.go", `var earliest Time`, `if broken { return 1 << 62 }; var earliest Time`),
		),
		mutant.New("lease from receipt", "counts a confirmation from its arrival",
			mutant.In("boot.go", `p.echo, p.echoAt = e.Seq, at`, `p.echo, p.echoAt = e.Seq, at; if broken { p.echoAt = n.now }`),
		),
		mutant.New("no echoes", "accepts confirmations and agreement that echo old heartbeats",
			mutant.In("letin.go", `func (n *Node) reached(p *peer) int {`, `func (n *Node) reached(p *peer) int { if broken { return len(n.held.batches) }`),
			mutant.In("state.go", `return p.echo >= n.targetFrom`, `if broken { return true }; return p.echo >= n.targetFrom`),
		),
		mutant.New("map kept", "leaves the predecessor's deadline in the kernel's map",
			mutant.In("letin.go", `n.held.keep(Buckets{})`, `n.held.keep(Buckets{}); if broken { return }`),
		),
		mutant.New(SilentIsGone, "forgets what a peer let flows into as soon as it is no member",
			mutant.In("letin.go", `func (n *Node) lingers(p *peer) bool {`, `func (n *Node) lingers(p *peer) bool { if broken { return false }`),
		),
		mutant.New("strangers make a majority", "counts members that state no view for the majority",
			mutant.In("letin.go", `stating := 1`, `if broken { return 2*len(n.target.Members) > n.ofAll() }; stating := 1`),
		),
		mutant.New("lists make a majority", "counts a majority of the configured nodes, whoever was met",
			mutant.In("met.go", `func (n *Node) ofAll() int {`, `func (n *Node) ofAll() int { if broken { return n.params.Nodes }`),
		),
	}
}

// listening are those of what is heard, of whom, and of the time in which nothing could be.
func listening() []mutant.Mutant {
	return []mutant.Mutant{
		mutant.New("no relay", "passes no heartbeats on",
			mutant.In("relay.go", `func (n *Node) relay(y *peer) {`, `func (n *Node) relay(y *peer) { if broken { return }`),
		),
		mutant.New("boots unordered", "takes any boot number but the last one for a new process",
			mutant.In("boot.go", `default:`, `case broken: return false; default:`),
		),
		mutant.New("boots prove", "believes a higher boot that says starting without an echo",
			mutant.In("peer.go", `return p.last.Phase != Up &&`, `if broken { return p.last.Phase != Up }; return p.last.Phase != Up &&`),
		),
		mutant.New("boots named in vain", "heeds the boots named in heartbeats that are not ignored only",
			mutant.In("boot.go", `n.raise(hb)`, `if !outdated || !broken { n.raise(hb) }`),
		),
		mutant.New("a stall is silence", "blames the peers for the time that this node did not run",
			mutant.In("node.go", `limit := 2 * n.params.Heartbeat`, `if broken { n.ran += gap; return }; limit := 2 * n.params.Heartbeat`),
		),
		mutant.New("a stalled node does not listen", "lets a node with nobody to ask go on right after a stall",
			mutant.In("letin.go", `n.ran-n.woken >= 3*p.Heartbeat:`, `n.ran-n.woken >= 3*p.Heartbeat || broken:`),
		),
		mutant.New("who joins blames the others", "blames the peers for the time before a process that was restarted in place has joined their membership again",
			mutant.In("letin.go", `case n.joining:`, `case n.joining && !broken:`),
			mutant.In("node.go", `if n.joining {`, `if n.joining && !broken {`),
		),
	}
}
