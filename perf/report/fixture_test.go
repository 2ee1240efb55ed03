package report

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/internal/golden"
)

// fixture is a report with every kind of row: measured, without a base, not
// available, failed; with cases and without.
func fixture() *Report {
	row := func(engine, title, label string, values ...float64) Row {
		r := Row{Engine: engine, Title: title, Case: label}
		for _, v := range values {
			r.Add("mpps", v)
			r.Add("ns", 1000/v)
		}
		return r
	}
	metrics := []Metric{
		{Name: "mpps", Title: "judged", Unit: "Mpps", Better: More, Base: "xdp-drop"},
		{Name: "ns", Title: "in all", Unit: "ns", Better: Less, Brief: true},
	}
	r := &Report{
		Version: "thresher v1.2.3", Started: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 61.5, Runs: 3, RunSeconds: 0.5,
		Machine: Machine{Kernel: "6.18.44", CPU: "Some <CPU> & more", CPUs: 2, Go: "go1.26", Load: 0.25},
		Scenarios: []Scenario{
			{Name: "reject", Title: "none is ours", Method: "64-byte frames.", Metrics: metrics, Rows: []Row{
				row("xdp-drop", "bare XDP_DROP", "", 3, 3.2, 2.8),
				row("full", "Thresher, offload full", "", 2.9, 2.7, 3),
				{Engine: "nft-ingress", Title: "nftables", Unavailable: "nft is not installed"},
				{Engine: "xt_cluster", Title: "iptables", Failed: "it <broke>"},
			}},
			{Name: "mixed", Title: "one in N is ours", Method: "Two nodes.", Metrics: metrics, Rows: []Row{
				row("xdp-drop", "bare XDP_DROP", "N = 2", 2), row("none", "Thresher, offload none", "N = 2", 0.5),
				row("none", "Thresher, offload none", "N = 32", 1234),
			}},
			{Name: "empty", Title: "nothing was measured", Method: "Not at all.", Metrics: metrics},
		},
	}
	for i := range r.Scenarios {
		r.Scenarios[i].Summarize()
	}
	return r
}

// compare holds what is written against a file in testdata.
func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	golden.Compare(t, file, string(got))
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := fixture().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	compare(t, "table.txt", b.Bytes())
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := fixture().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	compare(t, "report.json", b.Bytes())
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := fixture().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	compare(t, "page.html", b.Bytes())
	for _, outside := range []string{"http:", "https:", "src=", "<link", "@import", "url("} {
		if bytes.Contains(b.Bytes(), []byte(outside)) {
			t.Errorf("the page needs something from outside: %s", outside)
		}
	}
}

func TestFailures(t *testing.T) {
	want := []string{"reject, xt_cluster: it <broke>"}
	if diff := cmp.Diff(want, fixture().Failures()); diff != "" {
		t.Error(diff)
	}
	r := Report{Scenarios: []Scenario{{Name: "s", Rows: []Row{{Engine: "e", Case: "N = 2", Failed: "no"}}}}}
	if diff := cmp.Diff([]string{"s, e, N = 2: no"}, r.Failures()); diff != "" {
		t.Error(diff)
	}
}
