package trust

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// newcomers is the name that a machine asks for which is no node yet.
const newcomers = "newcomers.thresher"

// Fingerprint is the SHA-256 of the farm's authority. All nodes with the same key
// have the same: nothing in the authority's certificate is left to chance, since
// Ed25519 signs the same text the same way (RFC 8032, 5.1.6).
func (i *Identity) Fingerprint() [sha256.Size]byte { return sha256.Sum256(i.root.Raw) }

// welcome is how this node answers a newcomer: it asks for no certificate, and shows
// the authority along with its own. A newcomer's session is never gone on with, or it
// might be as a node's.
func (i *Identity) welcome() *tls.Config {
	own := i.certificate
	own.Certificate = [][]byte{own.Certificate[0], i.root.Raw}
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

// verify takes a node that an authority with the fingerprint has signed.
func verify(state tls.ConnectionState, fingerprint [sha256.Size]byte) error {
	shown := state.PeerCertificates
	if len(shown) != 2 || sha256.Sum256(shown[1].Raw) != fingerprint {
		return errors.New("the machine at that address is not of the farm that the invitation is from")
	}
	pool := x509.NewCertPool()
	pool.AddCert(shown[1])
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: pool})
	return err
}
