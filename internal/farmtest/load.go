package farmtest

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"thresher/config"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// LoadOptions are the clients of a Load. The zero value of a count is the default.
type LoadOptions struct {
	// VIP is where all of them go. Default lab.VIP().
	VIP netip.Addr
	// Victim is the node whose clients send the probes; nil probes those of all.
	Victim *lab.Node
	// Busy and Idle connections are kept. Default 100 and 200.
	Busy, Idle int
	// Pause is the time between the messages of a busy connection. Default 100 ms.
	Pause time.Duration
	// Rate is how many new connections are opened in a second. Default 100.
	Rate int
	// Patience is how long an echo, or the opening of a connection, may take.
	// Default 5 s.
	Patience time.Duration
	// Every is the time between probes. Default 10 ms.
	Every time.Duration
	// Limit is how long it lasts at most. Default 2 min.
	Limit time.Duration
}

// Load is every kind of client at once: established connections of all nodes, new
// ones, and SYNs that nobody completes. It needs echo servers on the nodes.
type Load struct {
	// Watch sees the handshakes of all of them, and of whatever else the client
	// opens.
	Watch *lab.Handshakes
	// Server is the Ethernet address of the node of each kept connection.
	Server map[netip.AddrPort]config.MAC
	// What came of them, after Stop.
	Line   traffic.Timeline
	Visits []traffic.Connection
	Report traffic.Report

	f         *Farm
	kept      *traffic.Keeper
	prober    *traffic.Prober
	connector *traffic.Connector
}

// StartLoad returns when all kept connections stand.
func (f *Farm) StartLoad(o LoadOptions) *Load {
	f.T.Helper()
	o.setDefaults()
	l := &Load{f: f, Watch: f.Watch()}
	var err error
	l.kept, err = traffic.Keep(f.Ctx, f.Client, traffic.KeepOptions{To: o.echo(), Busy: o.Busy, Idle: o.Idle, Every: o.Pause, Patience: o.Patience})
	f.Must(err)
	f.T.Cleanup(func() { f.Must(l.kept.Close()) })
	f.Must(l.Watch.Settle(f.Ctx, 100*time.Millisecond))
	l.Server = servers(l.Watch)
	probes := traffic.ProbeOptions{To: o.echo(), MAC: f.VMACOf(o.VIP), Every: o.Every, Limit: o.Limit}
	if o.Victim != nil {
		probes.From = f.clientsOf(l.Watch, o.Victim, probes)
	}
	l.prober = traffic.Probe(f.Ctx, f.Client, l.Watch, probes)
	l.connector = traffic.Connect(f.Ctx, f.Client, traffic.ConnectOptions{To: o.echo(), Rate: o.Rate, Patience: o.Patience, Limit: o.Limit})
	return l
}

func (o *LoadOptions) echo() netip.AddrPort { return netip.AddrPortFrom(o.VIP, EchoPort) }

func (o *LoadOptions) setDefaults() {
	if !o.VIP.IsValid() {
		o.VIP = lab.VIP()
	}
	if o.Busy == 0 {
		o.Busy = 100
	}
	if o.Idle == 0 {
		o.Idle = 200
	}
	if o.Rate == 0 {
		o.Rate = 100
	}
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
}

// ClientsOf are clients that the node serves now, which must be near its share.
func (f *Farm) ClientsOf(watch *lab.Handshakes, n *lab.Node) []netip.AddrPort {
	f.T.Helper()
	return f.clientsOf(watch, n, traffic.ProbeOptions{To: Echo(), MAC: f.VMAC()})
}

// clientsOf are those that the probes find.
func (f *Farm) clientsOf(watch *lab.Handshakes, n *lab.Node, probes traffic.ProbeOptions) []netip.AddrPort {
	f.T.Helper()
	const all = 1500
	clients, err := traffic.Clients(f.Ctx, f.Client, watch, traffic.ProbeOptions{To: probes.To, MAC: probes.MAC}, all)
	f.Must(err)
	its := clients[n.MAC]
	if len(its) < all/len(f.Nodes)/2 {
		f.T.Fatalf("%s serves %d of %d clients", n.Name, len(its), all)
	}
	return its
}

// servers are the Ethernet addresses of the nodes that accepted each connection.
func servers(watch *lab.Handshakes) map[netip.AddrPort]config.MAC {
	all := make(map[netip.AddrPort]config.MAC)
	for _, h := range watch.All() {
		if len(h.By) > 0 {
			all[h.Client] = h.By[0]
		}
	}
	return all
}

// Stop ends the clients, each kept connection with a last echo.
func (l *Load) Stop() {
	l.f.T.Helper()
	var err error
	l.Line, err = l.prober.Stop(l.f.Ctx)
	l.f.Must(err)
	l.Visits, err = l.connector.Stop()
	l.f.Must(err)
	l.Report, err = l.kept.Finish(l.f.Ctx)
	l.f.Must(err)
	l.f.Must(l.Watch.Settle(l.f.Ctx, 50*time.Millisecond))
	gaps, longest := l.Line.Gaps(), traffic.Gap{}
	for _, g := range gaps {
		if g.SYNs > longest.SYNs {
			longest = g
		}
	}
	l.f.T.Logf("%d probes, %d lost, %d gaps, the longest %v; blind for %v", len(l.Line), l.Line.Lost(), len(gaps), longest,
		l.Line.Blind().Round(time.Millisecond))
	failed, worst := l.failed()
	l.f.T.Logf("%d new connections, %d failed, %d SYNs sent again, the slowest opened in %v", len(l.Visits), len(failed),
		traffic.Retransmissions(l.Visits, l.Watch), worst.Round(time.Millisecond))
	l.f.T.Logf("%d connections kept, %d broken, %d echoes, the worst %v", l.Report.Connections, len(l.Report.Broken),
		l.Report.Echoes, l.Report.Worst.Round(time.Millisecond))
}

// Close ends the watch of a load that has stopped and was judged: in a test of many
// loads, each would see those of all that follow.
func (l *Load) Close() {
	l.f.T.Helper()
	l.f.Must(l.Watch.Close())
}

// KeptBy is how many of the kept connections a node has.
func (l *Load) KeptBy(n *lab.Node) (count int) {
	for _, mac := range l.Server {
		if mac == n.MAC {
			count++
		}
	}
	return count
}

// CheckOneAnswer holds that no SYN at all was answered by two nodes.
func (l *Load) CheckOneAnswer() {
	l.f.T.Helper()
	l.f.CheckOneAnswer(l.Watch)
}

// CheckOneAnswer holds that the watch has seen everything, and no SYN that was
// answered by two nodes.
func (f *Farm) CheckOneAnswer(watch *lab.Handshakes) {
	f.T.Helper()
	f.CheckOneAnswerBut(watch, time.Time{}, time.Time{})
}

// CheckOneAnswerBut is CheckOneAnswer but for SYNs sent in the given time, in which
// nodes could not know of each other. It returns how many of those had two answers.
func (f *Farm) CheckOneAnswerBut(watch *lab.Handshakes, from, to time.Time) (excused int) {
	f.T.Helper()
	f.Must(watch.Check())
	doubles := slices.DeleteFunc(watch.DoubleAnswers(), func(h lab.Handshake) bool {
		excuse := h.Sent.After(from) && h.Sent.Before(to)
		if excuse {
			excused++
		}
		return excuse
	})
	for _, d := range doubles[:min(len(doubles), 5)] {
		f.T.Errorf("answered by %s: %v, sent %v, answered %v and %v", f.names(d.By), d.SYN, d.Sent.Format(clock), d.Answered.Format(clock),
			d.Doubled.Format(clock))
	}
	if len(doubles) > 0 {
		f.T.Errorf("%d SYNs were answered by two nodes", len(doubles))
	}
	return excused
}

// clock is how errors name a moment.
const clock = "15:04:05.000"

// names are the nodes of these Ethernet addresses.
func (f *Farm) names(macs []config.MAC) string {
	var all []string
	for _, mac := range macs {
		name := mac.String()
		for _, n := range f.Nodes {
			if n.MAC == mac {
				name = n.Name
			}
		}
		all = append(all, name)
	}
	return fmt.Sprint(all)
}

// CheckKept holds that no connection broke but those of the nodes that lost them:
// of these all did.
func (l *Load) CheckKept(lost ...*lab.Node) {
	l.f.T.Helper()
	want := 0
	for _, n := range lost {
		want += l.KeptBy(n)
	}
	l.CheckOthersKept(lost...)
	if len(l.Report.Broken) != want {
		l.f.T.Errorf("%d connections broke, %d were those of the nodes that lost theirs", len(l.Report.Broken), want)
	}
}

// CheckOthersKept holds that no connection broke but those of the nodes that may
// have lost them.
func (l *Load) CheckOthersKept(may ...*lab.Node) {
	l.f.T.Helper()
	shown := 0
	for _, b := range l.Report.Broken {
		if l.of(b.Client, may) {
			continue
		}
		if shown++; shown <= 5 {
			l.f.T.Errorf("a connection of %s broke: %v at %v: %v (%v)", l.f.names([]config.MAC{l.Server[b.Client]}),
				b.Client, b.At.Format(clock), b.Trouble, b.Err)
		}
	}
	if shown > 5 {
		l.f.T.Errorf("%d connections broke that nobody may have lost", shown)
	}
}

func (l *Load) of(client netip.AddrPort, nodes []*lab.Node) bool {
	return slices.ContainsFunc(nodes, func(n *lab.Node) bool { return n.MAC == l.Server[client] })
}

// failed are the new connections that failed, and how long the slowest took.
func (l *Load) failed() (failed []traffic.Connection, slowest time.Duration) {
	for _, v := range l.Visits {
		if v.Trouble != traffic.None {
			failed = append(failed, v)
		}
		slowest = max(slowest, v.Opened)
	}
	return failed, slowest
}

// CheckVisits holds that at most so many of the new connections failed: those that
// were just echoing on a node when it died. Others that came at a bad moment were
// served in the end, by a SYN sent again.
func (l *Load) CheckVisits(most int) {
	l.f.T.Helper()
	l.CheckVisitsBut(most, time.Time{}, time.Time{})
}

// CheckVisitsBut is CheckVisits but for those begun in the given time.
func (l *Load) CheckVisitsBut(most int, from, to time.Time) {
	l.f.T.Helper()
	failed, _ := l.failed()
	failed = slices.DeleteFunc(failed, func(v traffic.Connection) bool { return v.Started.After(from) && v.Started.Before(to) })
	if len(failed) <= most {
		return
	}
	l.f.T.Errorf("%d new connections failed, want %d at most", len(failed), most)
	for _, v := range failed[:min(len(failed), 5)] {
		l.f.T.Errorf("%v at %v: %v (%v)", v.Client, v.Started.Format(clock), v.Trouble, v.Err)
	}
}

// CheckTakeover holds that the probes of the victim's clients were answered by
// others at most so long after at, and to the end; and that none was lost before. It
// returns after how long they were.
func (l *Load) CheckTakeover(at time.Time, victim *lab.Node, limit time.Duration) (took time.Duration) {
	l.f.T.Helper()
	took, ok := l.Line.Takeover(at, victim.MAC)
	l.f.T.Logf("taken over after %v", took.Round(time.Millisecond))
	if !ok || took > limit {
		l.f.T.Errorf("taken over after %v, %t, want %v at most", took, ok, limit)
	}
	gaps := l.Line.Gaps()
	if len(gaps) == 0 {
		l.f.T.Error("nothing shows that the victim has gone")
		return took
	}
	if before := gaps[0].From.Sub(at); before < -20*time.Millisecond {
		l.f.T.Errorf("SYNs were lost %v before", -before)
	}
	if last := gaps[len(gaps)-1]; last.To.IsZero() || last.To.Sub(at) > limit {
		l.f.T.Errorf("SYNs are lost at the end, or %v after", last.To.Sub(at))
	}
	return took
}

// CheckGaps holds that the probes had no gap longer than this; 0 wants all of them
// answered.
func (l *Load) CheckGaps(most time.Duration) {
	l.f.T.Helper()
	for _, g := range l.Line.Gaps() {
		length, ended := g.Length()
		if most == 0 || !ended || length > most {
			l.f.T.Errorf("at %v: %v, want %v at most", g.From.Format(clock), g, most)
		}
	}
}

// AnsweredBy is how many of the probes sent from one time to another the node has
// answered.
func (l *Load) AnsweredBy(n *lab.Node, from, to time.Time) (count int) {
	for _, try := range l.Line {
		if try.Answered && try.By == n.MAC && try.Sent.After(from) && try.Sent.Before(to) {
			count++
		}
	}
	return count
}
