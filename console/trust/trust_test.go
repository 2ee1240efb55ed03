package trust

import (
	"crypto/tls"
	"net"
	"testing"
)

func identity(t *testing.T, key byte, node string) *Identity {
	t.Helper()
	i, err := New([32]byte{key}, node)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// meet has a client and a server shake hands, and returns who the server met.
func meet(client, server *tls.Config) (peer string, err error) {
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
	return Peer(&state), err
}

func TestNodesOfAFarmMeet(t *testing.T) {
	peer, err := meet(identity(t, 1, "web1").Client("Web_2"), identity(t, 1, "Web_2").Server())
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
	for name, tt := range map[string]struct{ client, server *tls.Config }{
		"a client with another key":       {stranger.Client("web2"), web2.Server()},
		"a server with another key":       {web1.Client("web2"), identity(t, 2, "web2").Server()},
		"another node than the one asked": {web1.Client("web3"), web2.Server()},
		"a client without a certificate":  {bare, web2.Server()},
		"an old version of TLS":           {old, web2.Server()},
	} {
		if peer, err := meet(tt.client, tt.server); err == nil {
			t.Errorf("%s was taken for %q", name, peer)
		}
	}
	// A stranger that trusts whomever is refused by the server too.
	careless := stranger.Client("web2")
	careless.InsecureSkipVerify = true
	if peer, err := meet(careless, web2.Server()); err == nil {
		t.Errorf("a careless stranger was taken for %q", peer)
	}
	if Peer(nil) != "" || Peer(&tls.ConnectionState{}) != "" {
		t.Error("nobody has a name")
	}
}
