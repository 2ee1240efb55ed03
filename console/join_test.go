package console

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"thresher/console/invite"
	"thresher/console/trust"
)

// A machine without the farm's key joins by a token, once; with the token it can do
// nothing else.
func TestJoinByInvitation(t *testing.T) {
	farm := startFarm(t, 2)
	in, err := farm[0].client.Invite(t.Context())
	must(t, err)
	if left := time.Until(in.Expires); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("the invitation is good for %v", left)
	}
	token, err := invite.Parse(in.Token)
	must(t, err)
	taken := Newcomer{Node: "web2", Bind: netip.MustParseAddrPort("127.0.0.9:7946")}
	refusedJoin(t, token, taken, CodeConflict, "--node")
	third := Newcomer{Node: "web3", Bind: netip.MustParseAddrPort("127.0.0.9:7946")}
	refusedJoin(t, token, Newcomer{Node: "web3", Bind: netip.AddrPortFrom(loopback(1), 7946)}, CodeConflict, "--bind")
	refusedJoin(t, token, Newcomer{Node: "web3", Bind: third.Bind, Further: []netip.AddrPort{netip.AddrPortFrom(loopback(1), 7946)}}, CodeConflict, "--bind")
	refusedJoin(t, token, Newcomer{Node: "web3", Bind: third.Bind, Further: make([]netip.AddrPort, 1)}, CodeBadRequest, "no address")
	refusedJoin(t, token, Newcomer{Node: "web3", Bind: third.Bind, Further: make([]netip.AddrPort, 4)}, CodeBadRequest, "too many")
	a, err := Join(t.Context(), token, third)
	if err != nil || a.Node != "web1" || string(a.Keys) != "secret" {
		t.Fatalf("%+v, %v", a, err)
	}
	refusedJoin(t, token, third, CodeForbidden, "used")
	cut := token
	cut.Address = netip.AddrPortFrom(token.Address.Addr(), 9)
	refusedJoin(t, cut, third, CodeUnreachable, "is the token whole?")
	stranger := invite.New(token.Address, token.Fingerprint)
	refusedJoin(t, stranger, third, CodeForbidden, "not known")
	stranger.Fingerprint[0]++
	refusedJoin(t, stranger, third, CodeUnreachable, "not of the farm")
	if calls := farm[0].farm.called(); len(calls) != 1 || calls[0] != "admit web3" {
		t.Errorf("the farm was told %v", calls)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: trust.Newcomer(token.Fingerprint)}}
	defer c.CloseIdleConnections()
	for _, path := range []string{"/v1/status", "/v1/node/stop", "/", "/v1/join/"} {
		resp, err := c.Post("https://"+token.Address.String()+path, "", nil)
		must(t, err)
		if resp.Body.Close(); resp.StatusCode != http.StatusNotFound {
			t.Errorf("a newcomer gets %s for %s", resp.Status, path)
		}
	}
}

func refusedJoin(t *testing.T, token invite.Token, in Newcomer, code, says string) {
	t.Helper()
	var e *Error
	if _, err := Join(t.Context(), token, in); !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Error(), says) {
		t.Errorf("%v, want %s with %q", err, code, says)
	}
}
