package settle

import (
	"testing"

	"thresher/cluster/internal/mutant"
)

// mutants are the parts of the rules that the test takes away.
func mutants() []mutant.Mutant {
	return []mutant.Mutant{
		mutant.New("scans begun before the loss", "lets every scan prove, also one begun before the loss",
			mutant.In("scan.go", `if started < n.scanFrom {`, `if started < n.scanFrom && !broken {`),
		),
		mutant.New("reports of any view", "believes reports made under any view",
			mutant.In("report.go", `case r.View != n.state.View &&`, `case !broken && r.View != n.state.View &&`),
		),
		mutant.New("boots confused", "takes a new process for the old one",
			mutant.In("peer.go", `func (n *Node) raise(p *peer, boot, release uint64) {`, `func (n *Node) raise(p *peer, boot, release uint64) { if broken && p.boot != 0 { boot = p.boot }`),
			mutant.In("report.go", `if r.Boot < p.boot {`, `if r.Boot < p.boot && !broken {`),
			mutant.In("report.go", `case r.Boot != p.boot:`, `case r.Boot != p.boot && !broken:`),
		),
		mutant.New("reports before a release", "believes reports made before the last release",
			mutant.In("report.go", `case r.Release < p.release:`, `case r.Release < p.release && !broken:`),
		),
		mutant.New("vanished is goodbye", "takes a vanished member for one that said goodbye",
			mutant.In("peer.go", `return p.status == Alive || p.status == Gone`, `return p.status == Alive || p.status == Gone && !broken`),
		),
		mutant.New("reports of before a fence", "believes reports that were under way over a fence",
			mutant.In("report.go", `|| p.fresh == 0`, `|| p.fresh == 0 || broken`),
		),
		mutant.New("reports of before a view", "believes reports under no view of a peer that has one since",
			mutant.In("report.go", `r.View == 0 && p.idle`, `r.View == 0 && (p.idle || broken)`),
		),
		mutant.New("a new process has no flows", "takes a new process to have no flows",
			mutant.In("node.go", "n.await()\n\treturn n,", "n.await(); if broken { n.maybe = confirm.Buckets{} }\n\treturn n,"),
		),
		mutant.New("any goodbye counts", "takes an old process's goodbye for the new one's",
			mutant.In("peer.go", `p.boot != 0 && !p.leaving {`, `p.boot != 0 && !p.leaving && !broken {`),
		),
		mutant.New("strangers have no flows", "takes those whom a new process has not met to have no flows",
			mutant.In("strangers.go", `if n.met() < n.params.Nodes {`, `if n.met() < n.params.Nodes && !broken {`),
		),
	}
}

// Every part of the rules is there for a reason: without it a run goes wrong.
func TestMutationsAreCaught(t *testing.T) {
	// Runs that are known not to show what shows rarely.
	rare := map[string]uint64{
		"reports of before a fence": 60, "reports of before a view": 45, "any goodbye counts": 60,
	}
	broken := mutant.Build(t, ".", mutants())
	for _, m := range mutants() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			broken.Run(t, func() { mutant.Caught(t, *seedFlag+rare[m.Name], 600, problem) }, m.Name)
		})
	}
}

// problem is what is wrong in the run of a seed; "" for nothing.
func problem(seed uint64) string {
	_, problem := simulate(seed)
	return problem
}
