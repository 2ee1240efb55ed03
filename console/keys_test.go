package console

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
	"thresher/console/invite"
	"thresher/console/rotation"
)

func wantConflict(t *testing.T, err error, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeConflict || !strings.Contains(e.Error(), says) {
		t.Errorf("%v, want a conflict with %q", err, says)
	}
}

// accepts fails unless every node has exactly that many keys, and uses one and the same.
func accepts(t *testing.T, farm []*farmServer, n int) (using [32]byte) {
	t.Helper()
	using = farm[0].farm.keys.Gossip
	for i, f := range farm {
		if k := f.farm.keys; len(k.Accepted()) != n || k.Gossip != using {
			t.Errorf("%s accepts %d keys, and uses %s", nodeName(i), len(k.Accepted()), config.KeyID(k.Gossip))
		}
	}
	return using
}

func TestAnyNodeChangesTheKeyOfAll(t *testing.T) {
	farm := startFarm(t, 3)
	in, err := farm[2].client.Invite(t.Context())
	must(t, err)
	before := accepts(t, farm, 1)
	report, err := farm[1].client.ChangeKeys(t.Context(), false, false)
	must(t, err)
	after := accepts(t, farm, 1)
	if after == before || len(report.UnderWay) != 0 || len(report.Nodes) != 3 || report.Nodes[0].Name != "web2" {
		t.Errorf("%+v", report)
	}
	for i, f := range farm {
		if calls := f.farm.called(); !slices.Equal(calls, []string{"key add", "key use", "key drop"}) {
			t.Errorf("%s was told %v", nodeName(i), calls)
		}
		for _, e := range f.log.Since(0) {
			if text := fmt.Sprint(e); strings.Contains(text, fmt.Sprintf("%x", after[:4])) || strings.Contains(text, fmt.Sprint(after)) {
				t.Errorf("a key is in the audit: %s", text)
			}
		}
	}
	if n := len(farm[0].log.Since(0)); n != 3 {
		t.Errorf("%d events on web1", n)
	}
	// The nodes go on asking one another, and the invitation is the old farm's.
	if f, err := farm[0].client.Farm(t.Context()); err != nil || f.Nodes[1].Problem+f.Nodes[2].Problem != "" {
		t.Errorf("%+v, %v", f, err)
	}
	token, err := invite.Parse(in.Token)
	must(t, err)
	refusedJoin(t, token, Newcomer{Node: "web4", Bind: netip.MustParseAddrPort("127.0.0.9:7946")}, CodeUnreachable, "not of the farm")
}

// A change that stops half way is gone on with, or back from, by another node; nobody
// is let in by an invitation meanwhile.
func TestAChangeThatStopsIsGoneOnWith(t *testing.T) {
	for name, at := range map[string]config.KeyStep{"add": config.KeyAdd, "use": config.KeyUse, "drop": config.KeyDrop} {
		for _, abort := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, abort %v", name, abort), func(t *testing.T) {
				farm := startFarm(t, 3)
				before := accepts(t, farm, 1)
				farm[2].farm.stepKeys = func(s config.KeyStep) error {
					if s == at {
						return &Error{Code: CodeConflict, Message: "the disk is full"}
					}
					return nil
				}
				in, err := farm[1].client.Invite(t.Context())
				must(t, err)
				_, err = farm[0].client.ChangeKeys(t.Context(), false, false)
				wantConflict(t, err, "stopped at node web3: the disk is full")
				if report, err := farm[2].client.KeyReport(t.Context()); err != nil || len(report.UnderWay) != 1 {
					t.Fatalf("%+v, %v", report, err)
				}
				if at != config.KeyDrop {
					token, err := invite.Parse(in.Token)
					must(t, err)
					refusedJoin(t, token, Newcomer{Node: "web4", Bind: netip.MustParseAddrPort("127.0.0.9:7946")}, CodeConflict, "key rotate --abort")
				}
				farm[2].farm.stepKeys = nil
				if at == config.KeyDrop && abort {
					_, err := farm[1].client.ChangeKeys(t.Context(), true, false)
					wantConflict(t, err, "too late")
					return
				}
				_, err = farm[1].client.ChangeKeys(t.Context(), abort, false)
				must(t, err)
				if after := accepts(t, farm, 1); (after == before) != abort {
					t.Error("this is the wrong key")
				}
			})
		}
	}
}

// Any node tells how far each is, of those too that only others know of.
func TestAnyNodeTellsHowFarAllAre(t *testing.T) {
	farm := startFarm(t, 4, 3)
	for _, f := range farm[:3] {
		f.farm.unmet = []string{"192.0.2.15:7946"}
	}
	farm[1].farm.stepKeys = func(s config.KeyStep) error {
		if s == config.KeyUse {
			return &Error{Code: CodeConflict, Message: "the disk is full"}
		}
		return nil
	}
	_, err := farm[0].client.ChangeKeys(t.Context(), false, true)
	wantConflict(t, err, "stopped at node web2")
	new := config.KeyID(farm[0].farm.keys.Gossip)
	want := KeyReport{
		UnderWay: []string{new}, Next: &KeyStep{Do: config.KeyUse, Nodes: []string{"web2", "web3"}},
		Unmet: []UnmetPeer{{Peer: "192.0.2.15:7946", By: []string{"web1", "web2", "web3"}}},
	}
	standings := map[string]rotation.Standing{"web1": rotation.Used, "web2": rotation.Added, "web3": rotation.Added, "web4": ""}
	for _, f := range farm[:3] {
		report, err := f.client.KeyReport(t.Context())
		must(t, err)
		for _, n := range report.Nodes {
			if n.Standing != standings[n.Name] || (n.Problem == "") != (n.Name != "web4") {
				t.Errorf("%s says of %s: %q, %q", report.Node, n.Name, n.Standing, n.Problem)
			}
		}
		for _, list := range [][]string{report.Next.Nodes, report.Unmet[0].By} {
			slices.Sort(list) // each node names itself first
		}
		got := KeyReport{UnderWay: report.UnderWay, Next: report.Next, Unmet: report.Unmet}
		if diff := cmp.Diff(want, got); diff != "" || len(report.Nodes) != 4 {
			t.Errorf("%s says (-want +got):\n%s", report.Node, diff)
		}
	}
}

// A node whose daemon is busy says so, and not that it is in no farm.
func TestABusyNodeTellsOfNoKeys(t *testing.T) {
	farm := startFarm(t, 2)
	farm[0].farm.status = Status{Node: "web1", State: Busy}
	for what, ask := range map[string]func() (KeyReport, error){
		"report": func() (KeyReport, error) { return farm[0].client.KeyReport(t.Context()) },
		"change": func() (KeyReport, error) { return farm[0].client.ChangeKeys(t.Context(), false, false) },
	} {
		var e *Error
		if _, err := ask(); !errors.As(err, &e) || *e != *asError(DoesNotAnswer("web1")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Who has not the new key can't bring it to others.
func TestTheNewKeyComesFromWhoHasIt(t *testing.T) {
	farm := startFarm(t, 3)
	farm[1].farm.stepKeys = func(config.KeyStep) error { return errors.New("no") }
	_, err := farm[0].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "stopped at node web2")
	farm[1].farm.stepKeys = nil
	_, err = farm[2].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "does not have the new key yet")
	_, err = farm[0].client.ChangeKeys(t.Context(), false, false)
	must(t, err)
	accepts(t, farm, 1)
	_, err = farm[0].client.ChangeKeys(t.Context(), true, false)
	wantConflict(t, err, "no change of the key is under way")
}

func TestTheKeyIsNotChangedWithoutAll(t *testing.T) {
	farm := startFarm(t, 3, 2)
	_, err := farm[0].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "node web3 does not take part")
	if calls := farm[0].farm.called(); calls != nil {
		t.Errorf("web1 was told %v", calls)
	}
	farm[0].farm.unmet = []string{"192.0.2.14:7946"}
	_, err = farm[0].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "192.0.2.14:7946")
	report, err := farm[0].client.ChangeKeys(t.Context(), false, true)
	must(t, err)
	if !slices.Equal(report.LeftBehind, []string{"web3", "192.0.2.14:7946"}) {
		t.Errorf("%+v", report)
	}
	accepts(t, farm[:2], 1)
}

// Whoever any of the nodes knows of is asked, or left behind with a word.
func TestPeersThatAnotherNodeNames(t *testing.T) {
	farm := startFarm(t, 3)
	farm[1].farm.unmet = []string{"127.0.0.3:7946", "192.0.2.14:7946 198.51.100.14:7946"} // the first is web3's
	_, err := farm[0].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "nobody has been met at 192.0.2.14:7946 198.51.100.14:7946, which")
	if calls := farm[0].farm.called(); calls != nil {
		t.Errorf("web1 was told %v", calls)
	}
}

// Whom the asked node does not know, since it has just started, others may know: without
// such a one nothing begins, on no node.
func TestTheKeyIsNotChangedWithoutWhomOthersKnow(t *testing.T) {
	farm := startFarm(t, 4, 3)
	all := farm[0].farm.Status().Nodes
	lost := slices.Clone(all)
	lost[3].State = Unreachable
	farm[0].farm.setNodes(all[:3])
	farm[1].farm.setNodes(lost)
	farm[2].farm.setNodes(lost)
	report, err := farm[0].client.KeyReport(t.Context())
	must(t, err)
	if diff := cmp.Diff([]UnknownNode{{Name: "web4", By: []string{"web2", "web3"}}}, report.Unknown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := KeyText(report); !strings.Contains(text, "web4 is not known here, but to web2, web3") {
		t.Errorf("\n%s", text)
	}
	_, err = farm[0].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "node web4 is not known here, but to web2, web3")
	_, err = farm[1].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "node web4 does not take part")
	for i, f := range farm {
		if calls := f.farm.called(); calls != nil {
			t.Errorf("%s was told %v", nodeName(i), calls)
		}
	}
	report, err = farm[0].client.ChangeKeys(t.Context(), false, true)
	must(t, err)
	if !slices.Equal(report.LeftBehind, []string{"web4"}) {
		t.Errorf("%+v", report)
	}
	accepts(t, farm[:3], 1)
}

// A node that comes in the middle of a change is not cut off: the change stops before
// the next phase. It takes it in the next time, as long as the old key is in use.
func TestANodeThatComesMeanwhileIsNotCutOff(t *testing.T) {
	for _, at := range []config.KeyStep{config.KeyAdd, config.KeyUse} {
		farm := startFarm(t, 3)
		three := farm[0].farm.status.Nodes
		farm[0].farm.setNodes(three[:2])
		farm[1].farm.setNodes(three[:2])
		farm[1].farm.stepKeys = func(s config.KeyStep) error {
			if s == at {
				farm[0].farm.setNodes(three)
			}
			return nil
		}
		_, err := farm[0].client.ChangeKeys(t.Context(), false, false)
		wantConflict(t, err, "web3: it has come since")
		accepts(t, farm[:2], 2)
		accepts(t, farm[2:], 1)
		if at == config.KeyAdd {
			_, err = farm[0].client.ChangeKeys(t.Context(), false, false)
			must(t, err)
			accepts(t, farm, 1)
		}
	}
}

// One that another node alone hears of is not cut off either.
func TestANodeThatAnotherNodeMeetsIsNotCutOff(t *testing.T) {
	farm := startFarm(t, 3)
	three := farm[0].farm.status.Nodes
	farm[0].farm.setNodes(three[:2])
	farm[1].farm.setNodes(three[:2])
	farm[0].farm.stepKeys = func(s config.KeyStep) error {
		if s == config.KeyUse {
			farm[1].farm.setNodes(three)
		}
		return nil
	}
	_, err := farm[0].client.ChangeKeys(t.Context(), false, false)
	wantConflict(t, err, "web3: it is not known here, but to web2")
	accepts(t, farm[:2], 2)
}

// Two that change the key at once don't get into one another's way: one at least is
// refused before it has changed anything.
func TestOneAtATimeChangesTheKey(t *testing.T) {
	farm := startFarm(t, 3)
	inside, leave := make(chan struct{}), make(chan struct{})
	farm[0].farm.stepKeys = func(s config.KeyStep) error {
		if s == config.KeyAdd {
			close(inside)
			<-leave
		}
		return nil
	}
	done := make(chan error, 1)
	go func() {
		_, err := farm[0].client.ChangeKeys(t.Context(), false, false)
		done <- err
	}()
	<-inside
	_, err := farm[1].client.ChangeKeys(t.Context(), false, true)
	wantConflict(t, err, "changing the key")
	close(leave)
	must(t, <-done)
	accepts(t, farm, 1)
}

// Steps are taken from nodes alone: people of any role, and newcomers, find nothing.
func TestStepsAreTakenFromNodesAlone(t *testing.T) {
	farm := startFarm(t, 2)
	var e *Error
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		_, err := farm[0].client.request(t.Context(), method, nodeKeysPath, nil, []byte("{}"), "")
		if !errors.As(err, &e) || e.Code != CodeNotFound {
			t.Errorf("%s by the socket: %v", method, err)
		}
	}
	peer, err := farm[0].server.peers.client(farm[0].farm.status.Nodes[1], "")
	must(t, err)
	for _, body := range []string{"", "{}x", `{"key":"AAAA"}`, `{"turn":"a","step":"use","id":"b"}`, `{"turn":"a","keys":1}`} {
		if _, err := peer.request(t.Context(), http.MethodPost, nodeKeysPath, nil, []byte(body), ""); !errors.As(err, &e) || strings.Contains(e.Error(), "AAAA") {
			t.Errorf("%s: %v", body, err)
		}
	}
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer bare.CloseIdleConnections()
	at := fmt.Sprintf("https://%v", netip.AddrPortFrom(loopback(1), farm[0].server.peers.port))
	if resp, err := bare.Get(at + nodeKeysPath); err == nil {
		t.Errorf("without a certificate: %s", resp.Status)
	}
	if calls := farm[1].farm.called(); calls != nil {
		t.Errorf("web2 was told %v", calls)
	}
}
