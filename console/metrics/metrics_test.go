package metrics

import (
	"bytes"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"thresher/console"
	"thresher/internal/golden"
	"thresher/internal/leftout"
)

// metricName is a metric of ours in a query.
var metricName = regexp.MustCompile(`\bthresher_[a-z_]+\b`)

func TestMain(m *testing.M) { leftout.Exit(m.Run()) }

type source struct{}

func (source) Status() console.Status { return theStatus() }

func theStatus() console.Status {
	return console.Status{
		Node: "web1", State: console.Up, View: 0x9f3a5c1e00d2b764,
		Nodes: []console.Node{
			{Name: "web1", State: console.Up, Shares: map[string]float64{"web": 0.5, "dns": 0.25}},
			{Name: "web2", State: console.Draining, Shares: map[string]float64{"web": 0, "dns": 0}},
			{Name: "web3", State: console.Unreachable},
		},
		Rules:    []console.Rule{{Name: "web", Buckets: 65536, Mine: 32768, Unsettled: 12, Sticky: 3, Flows: 1000}},
		VIPs:     []console.VIP{{Address: netip.MustParseAddr("192.0.2.100"), Mode: "flood", Responder: "web1", Conflict: &console.Conflict{MAC: "02:00:00:00:00:99"}}},
		Wire:     []string{"web3 gets no frames for 5a:fe:c0:00:02:64"},
		Datapath: console.Datapath{Offload: "full", XDP: "native", Queues: 4, Accepted: 1234567, Rejected: 99, Asked: 7, Opened: 21, HandOnLost: 5, Reasons: map[string]uint64{"accepted": 1234567, "not_mine": 99}, XSK: console.XSK{RxRingFull: 3}},
		Checks:   []console.Check{{Name: "http", State: "up"}, {Name: "disk", State: "down"}},
		Services: []console.Service{{Name: "nginx", State: "up", Restarts: 1}},
		Cluster:  &console.Cluster{HealthScore: 1, RefusedMessages: 7, Messages: console.Messages{Sent: 11, Received: 12, Failed: 13, Overflowed: 14, Dropped: 15}, DetectionMS: 663, GossipBlocked: []string{"web3"}, NetworksCut: []string{"web2", "web3"}},
		Lease:    &console.Lease{RemainingMS: 540, ConfirmedMS: 60},
	}
}

func scrape(t *testing.T) string {
	t.Helper()
	return scrapeOf(t, source{})
}

// A node that is up without a lease has one of no time, so that an alert can tell.
func TestLeaseThatIsOver(t *testing.T) {
	for state, want := range map[console.NodeState]bool{console.Up: true, console.Waiting: false} {
		text := scrapeOf(t, sourceOf{console.Status{Node: "web1", State: state}})
		if got := strings.Contains(text, "\nthresher_lease_remaining_seconds 0\n"); got != want {
			t.Errorf("%s: a lease of 0 is shown: %v", state, got)
		}
	}
}

type sourceOf struct{ status console.Status }

func (s sourceOf) Status() console.Status { return s.status }

// behind is a node behind a balancer, which serves nobody.
type behind struct{}

func (behind) Status() console.Status {
	return console.Status{
		Node: "web1", State: console.Up, BehindBalancer: true, Withdrawn: []string{"check http"},
		Nodes:  []console.Node{{Name: "web1", State: console.Up, Shares: map[string]float64{}}},
		Checks: []console.Check{{Name: "http", State: "down"}},
	}
}

// Without VIPs nothing is said of them, and not that there were no packets.
func TestBehindBalancer(t *testing.T) {
	text := scrapeOf(t, behind{})
	for _, name := range []string{"packets", "datapath", "rule_", "vip_", "view", "settled", "share", "xsk"} {
		if strings.Contains(text, "\nthresher_"+name) {
			t.Errorf("thresher_%s… is shown", name)
		}
	}
	for _, line := range []string{`thresher_node_withdrawn 1`, `thresher_node_state{state="up"} 1`, `thresher_check_up{check="http"} 0`} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("without %s:\n%s", line, text)
		}
	}
}

func scrapeOf(t *testing.T, s Source) string {
	t.Helper()
	log := console.NewLog(0)
	for range 3 {
		log.Add(console.Event{Kind: "view", Level: console.LevelInfo})
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(newCollector(s, log, "v1.2.3"))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatal(w.Body)
	}
	return w.Body.String()
}

func TestMetricsText(t *testing.T) {
	golden.Compare(t, "testdata/metrics.golden", scrape(t))
}

// What is described is shown, and the other way round.
func TestEveryMetricIsShown(t *testing.T) {
	text := scrape(t) + scrapeOf(t, behind{})
	for _, d := range all() {
		name, _, _ := strings.Cut(strings.TrimPrefix(d.String(), `Desc{fqName: "`), `"`)
		if !strings.Contains(text, "# TYPE "+name+" ") {
			t.Errorf("%s is not shown", name)
		}
	}
}

// The whole page, with the program's own figures, as Prometheus gets it.
func TestHandler(t *testing.T) {
	h := Handler(source{}, console.NewLog(0))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, name := range []string{"thresher_build_info", "go_goroutines", "process_open_fds"} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), "\n"+name) {
			t.Errorf("%d, without %s", w.Code, name)
		}
	}
}

func promtool(t *testing.T, in string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		leftout.Skip(t, "promtool is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("no help text")) {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestPromtoolLikesTheMetrics(t *testing.T) { promtool(t, scrape(t), "check", "metrics") }

func TestPromtoolLikesTheRules(t *testing.T) {
	promtool(t, "", "check", "rules", "../../deploy/prometheus/thresher.rules.yaml")
	promtool(t, "", "test", "rules", "../../deploy/prometheus/thresher.rules.test.yaml")
}

// The dashboard and the alerts ask for nothing that there is not.
func TestDashboardAndRulesAskForWhatThereIs(t *testing.T) {
	text := scrape(t)
	for _, file := range []string{"../../deploy/grafana/thresher.json", "../../deploy/prometheus/thresher.rules.yaml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := metricName.FindAllString(string(b), -1)
		if len(names) < 5 {
			t.Errorf("%s asks for %v", file, names)
		}
		for _, name := range names {
			if !strings.Contains(text, "# TYPE "+name+" ") {
				t.Errorf("%s asks for %s", file, name)
			}
		}
	}
}

// A scrape of a node whose daemon is busy fails, so that it counts as down.
func TestBusyNodeIsDown(t *testing.T) {
	h := Handler(sourceOf{console.Status{Node: "web1", State: console.Busy}}, console.NewLog(0))
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil)); w.Code != 500 || !strings.Contains(w.Body.String(), "web1 does not answer") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
