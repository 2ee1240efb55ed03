package trust

import (
	"crypto/tls"
	"net"
	"testing"
)

func identity(t *testing.T, key byte, node string) *Identity {
	t.Helper()
	i, err := New(node, [32]byte{key})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// meet has a client and a server shake hands, and returns who the server met.
func meet(client *tls.Config, at *Identity) (peer string, err error) {
	server := at.Server()
	a, b := net.Pipe()
	c, s := tls.Client(a, client), tls.Server(b, server)
	// A pipe has no buffer: what one end says at its end must be taken.
	served := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte("x"))
		}
		b.Close()
		served <- err
	}()
	_, err = c.Read(make([]byte, 1))
	a.Close()
	if serverErr := <-served; err == nil {
		err = serverErr
	}
	state := s.ConnectionState()
	return at.Peer(&state), err
}

func TestNodesOfAFarmMeet(t *testing.T) {
	peer, err := meet(identity(t, 1, "web1").Client("Web_2"), identity(t, 1, "Web_2"))
	if err != nil || peer != "web1" {
		t.Errorf("met %q: %v", peer, err)
	}
}

func TestOthersAreRefused(t *testing.T) {
	web1, web2 := identity(t, 1, "web1"), identity(t, 1, "web2")
	stranger := identity(t, 2, "web1")
	bare := web1.Client("web2")
	bare.Certificates = nil
	old := web1.Client("web2")
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, tt := range map[string]struct {
		client *tls.Config
		server *Identity
	}{
		"a client with another key":       {stranger.Client("web2"), web2},
		"a server with another key":       {web1.Client("web2"), identity(t, 2, "web2")},
		"another node than the one asked": {web1.Client("web3"), web2},
		"a client without a certificate":  {bare, web2},
		"an old version of TLS":           {old, web2},
	} {
		if peer, err := meet(tt.client, tt.server); err == nil {
			t.Errorf("%s was taken for %q", name, peer)
		}
	}
	// A stranger that trusts whomever is refused by the server too.
	careless := stranger.Client("web2")
	careless.InsecureSkipVerify = true
	if peer, err := meet(careless, web2); err == nil {
		t.Errorf("a careless stranger was taken for %q", peer)
	}
	if web2.Peer(nil) != "" || web2.Peer(&tls.ConnectionState{}) != "" {
		t.Error("nobody has a name")
	}
}

// While a farm changes its key, nodes meet whichever of the two each uses; when the
// old one is gone, who has that alone is no node any more, on an open connection
// neither.
func TestNodesMeetWhileTheKeyChanges(t *testing.T) {
	old, fresh := [32]byte{1}, [32]byte{2}
	stages := map[string][][32]byte{"added": {old, fresh}, "used": {fresh, old}, "new": {fresh}, "old": {old}}
	meets := map[[2]string]bool{
		{"old", "old"}: true, {"old", "added"}: true, {"added", "added"}: true, {"added", "used"}: true, {"used", "used"}: true, {"used", "new"}: true, {"new", "new"}: true,
		{"old", "used"}: false, {"old", "new"}: false, {"added", "new"}: false,
	}
	of := func(node, stage string) *Identity {
		i := identity(t, 9, node)
		if err := i.SetKeys(stages[stage]...); err != nil {
			t.Fatal(err)
		}
		return i
	}
	for pair, want := range meets {
		for _, ends := range [][2]string{pair, {pair[1], pair[0]}} {
			if peer, err := meet(of("web1", ends[0]).Client("web2"), of("web2", ends[1])); (err == nil && peer == "web1") != want {
				t.Errorf("%s asks %s: %q, %v", ends[0], ends[1], peer, err)
			}
		}
	}
}

func TestWhoIsNotBelievedAnyMoreHasNoName(t *testing.T) {
	server := identity(t, 1, "web2")
	a, b := net.Pipe()
	defer a.Close()
	c, s := tls.Client(a, identity(t, 1, "web1").Client("web2")), tls.Server(b, server.Server())
	done := make(chan error, 1)
	go func() { done <- c.Handshake() }()
	if err := s.Handshake(); err != nil {
		t.Fatal(err, <-done)
	}
	state := s.ConnectionState()
	if name := server.Peer(&state); name != "web1" {
		t.Errorf("met %q", name)
	}
	for _, step := range []struct {
		keys [][32]byte
		want string
	}{{[][32]byte{{2}, {1}}, "web1"}, {[][32]byte{{2}}, ""}} {
		if err := server.SetKeys(step.keys...); err != nil {
			t.Fatal(err)
		}
		if name := server.Peer(&state); name != step.want {
			t.Errorf("with %d keys it is %q", len(step.keys), name)
		}
	}
}

// An invitation is good under either key while the farm changes it, and its
// fingerprint can't be had without the key.
func TestNewcomersWhileTheKeyChanges(t *testing.T) {
	i := identity(t, 1, "web1")
	before := i.Fingerprint()
	for _, step := range []struct {
		keys   [][32]byte
		before bool
		now    bool
	}{{[][32]byte{{1}, {2}}, true, true}, {[][32]byte{{2}, {1}}, true, true}, {[][32]byte{{2}}, false, true}} {
		if err := i.SetKeys(step.keys...); err != nil {
			t.Fatal(err)
		}
		if _, err := meet(Newcomer(before), i); (err == nil) != step.before {
			t.Errorf("%d keys, the old fingerprint: %v", len(step.keys), err)
		}
		if _, err := meet(Newcomer(i.Fingerprint()), i); (err == nil) != step.now {
			t.Errorf("%d keys, the fingerprint of now: %v", len(step.keys), err)
		}
	}
	// Certificates of another node, which are no secret, prove nothing of who shows them.
	thief := identity(t, 3, "web1")
	stolen, own := i.papers.Load(), thief.papers.Load()
	thief.papers.Store(&papers{own: append(own.own, stolen.own...), roots: append(own.roots, stolen.roots...), pool: own.pool})
	if _, err := meet(Newcomer(i.Fingerprint()), thief); err == nil {
		t.Error("certificates that were copied are believed")
	}
}
