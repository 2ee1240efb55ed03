package browser_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"thresher/console/access"
	"thresher/internal/farmtest"
	"thresher/internal/oidctest"
	"thresher/perf/lab"
)

// A bare machine becomes a node that serves, by its page in a browser.
func TestSetupInABrowser(t *testing.T) {
	node, modules, browser := tools(t)
	f := farmtest.New(t, binary, lab.Config{Nodes: 1}, lab.FarmOptions{})
	n := f.Nodes[0]
	daemon, err := n.Start(binary, "init", "--web", "--config", n.ConfigFile(), "--run-dir", n.Dir, "--state-dir", n.Dir, "--node", n.Name, "--run")
	f.Must(err)
	f.Daemons[n.Name] = daemon
	var url string
	f.Eventually(20*time.Second, "init prints where its page is", func() bool {
		url = regexp.MustCompile(`http://127\.0\.0\.1:\d+/#\w+`).FindString(daemon.Tail(4000))
		return url != ""
	})
	heard := func(line string) {
		if _, err := os.Stat(n.ConfigFile()); line == "about to write" && err == nil {
			t.Error("the configuration is written before anybody has wanted that")
		}
	}
	p := plan{Browser: browser, Profile: t.TempDir(), Shots: *shots, URLs: []string{url}, Client: lab.VIP().String()}
	drive(f, n.Host, browse{node, modules, "setup.mjs"}, p, heard)
	f.Converge(n)
}

// Somebody logs in by an issuer, and out again.
func TestIssuerInABrowser(t *testing.T) {
	node, modules, browser := tools(t)
	users := t.TempDir() + "/users"
	f := farmtest.New(t, binary, lab.Config{Nodes: 1}, lab.FarmOptions{Users: users})
	f.Must(access.Update(users, func(*access.File) error { return nil }))
	n := f.Nodes[0]
	issuer, err := oidctest.New("thresher", "", map[string]any{"preferred_username": "alice", "groups": []string{"oncall"}})
	f.Must(err)
	issuer.Redirects = []string{n.ConsoleURL() + "/login"}
	// On the node itself, as the browser is: an issuer elsewhere needs a certificate.
	const at = "127.0.0.1:8089"
	issuer.URL, issuer.End = "http://"+at, "http://"+at+"/logout"
	yaml, err := n.NodeConfig(f.Options)
	f.Must(err)
	f.StartWith(n, strings.Replace(yaml, "\napi:\n", "\napi:\n  oidc: {issuer: \"http://"+at+"\", client_id: thresher, roles: {claim: groups, control: [oncall]}}\n", 1))
	f.Converge(n) // without its issuer
	_, err = n.StartHTTP(at, issuer)
	f.Must(err)
	p := plan{Browser: browser, Profile: t.TempDir(), Shots: *shots, URLs: []string{n.ConsoleURL()}}
	drive(f, n.Host, browse{node, modules, "oidc.mjs"}, p, func(string) {})
	if issuer.LoggedIn() != 0 {
		t.Error("who has logged out is logged in at the issuer")
	}
	if out := f.Thresher(n, "events"); !strings.Contains(out, "oidc alice (control): login by "+at) {
		t.Errorf("the audit log does not say who has logged in:\n%s", out)
	}
}
