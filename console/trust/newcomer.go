package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// newcomers is the name that a machine asks for which is no node yet.
const newcomers = "newcomers.thresher"

// maxShown bounds what a newcomer looks at: two certificates for each key that a
// farm has while it changes it.
const maxShown = 4

// Fingerprint is the SHA-256 of the farm's authority. All nodes with the same key
// have the same: nothing in the authority's certificate is left to chance, since
// Ed25519 signs the same text the same way (RFC 8032, 5.1.6).
func (i *Identity) Fingerprint() [sha256.Size]byte {
	return sha256.Sum256(i.papers.Load().roots[0].Raw)
}

// welcome is how this node answers a newcomer: it asks for no certificate, and shows
// the authority along with its own, and both under the farm's other key, which the
// invitation may be from. A newcomer's session is never gone on with, or it
// might be as a node's.
func (i *Identity) welcome(p *papers) *tls.Config {
	own := i.shows(p)
	own.Certificate = nil
	for n := range p.own {
		own.Certificate = append(own.Certificate, p.own[n].Raw, p.roots[n].Raw)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, SessionTicketsDisabled: true}
}

// Newcomer is how a machine asks a node of the farm whose authority has that
// fingerprint, and no other.
func Newcomer(fingerprint [sha256.Size]byte) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: newcomers,
		InsecureSkipVerify: true, // VerifyConnection does it, by the fingerprint
		VerifyConnection:   func(state tls.ConnectionState) error { return verify(state, fingerprint) },
	}
}

// verify takes a node that an authority with the fingerprint has signed. TLS has
// proved that the node has the first certificate's key; another one proves
// something only if it is of the same key.
func verify(state tls.ConnectionState, fingerprint [sha256.Size]byte) error {
	shown := state.PeerCertificates
	for n := 1; n < min(len(shown), maxShown); n += 2 {
		own, root := shown[n-1], shown[n]
		if sha256.Sum256(root.Raw) != fingerprint || !sameKey(own, shown[0]) {
			continue
		}
		pool := x509.NewCertPool()
		pool.AddCert(root)
		_, err := own.Verify(x509.VerifyOptions{Roots: pool})
		return err
	}
	return errors.New("the machine at that address is not of the farm that the invitation is from")
}

func sameKey(a, b *x509.Certificate) bool {
	key, ok := a.PublicKey.(ed25519.PublicKey)
	return ok && key.Equal(b.PublicKey)
}
