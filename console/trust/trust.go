// Package trust makes the certificates by which the nodes of a farm know one
// another, out of the one secret that they share: who has the farm's key is a
// node, and nobody else is. There is no certificate to hand out or to renew.
package trust

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync/atomic"
	"time"
)

// label parts this use of the farm's key from all others (RFC 5869, 3.2).
const label = "thresher api authority v1"

// Every certificate holds from before any clock to beyond any: the clocks of a
// farm's machines need not agree, and whoever has the key could make a new one.
var (
	notBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) // RFC 5280, 4.1.2.5: no end
)

// Identity is what one node shows the others, and what it checks theirs with. It
// may be used by many goroutines.
type Identity struct {
	node    string
	private ed25519.PrivateKey // the node's own, which lives as long as the process
	papers  atomic.Pointer[papers]
}

// papers are a node's certificates under the keys that the farm has by now.
type papers struct {
	// own are the node's certificates and roots those who have signed them, one for
	// each of the keys; the node shows the first.
	own, roots []*x509.Certificate
	pool       *x509.CertPool // of roots
}

// New returns the identity of the node of that name, under the first of the farm's
// keys. Whoever has one of them is believed.
func New(node string, keys ...[32]byte) (*Identity, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the node's key: %w", err)
	}
	i := &Identity{node: node, private: private}
	return i, i.SetKeys(keys...)
}

// SetKeys shows the node under the first key from now on, and believes who has one
// of them and nobody else, those with a connection that is open included (Peer).
// There is at least one.
func (i *Identity) SetKeys(keys ...[32]byte) error {
	next := &papers{pool: x509.NewCertPool()}
	for _, key := range keys {
		own, root, err := i.certified(key)
		if err != nil {
			return err
		}
		next.own, next.roots = append(next.own, own), append(next.roots, root)
		next.pool.AddCert(root)
	}
	i.papers.Store(next)
	return nil
}

// certified makes the authority that comes of a key, and has it sign the node's
// certificate.
func (i *Identity) certified(farmKey [32]byte) (own, root *x509.Certificate, err error) {
	seed, err := hkdf.Key(sha256.New, farmKey[:], nil, label, ed25519.SeedSize)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the farm's authority: %w", err)
	}
	signer := ed25519.NewKeyFromSeed(seed)
	root, err = certify(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "thresher farm"},
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, signer.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("make the node's certificate: %w", err)
	}
	own, err = certify(&x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(2)), Subject: pkix.Name{CommonName: i.node}, DNSNames: []string{dnsName(i.node)},
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, root, i.private.Public(), signer)
	return own, root, err
}

// dnsName is a node's name as certificates check it: a node's own may have other
// characters than a DNS name.
func dnsName(node string) string {
	sum := sha256.Sum256([]byte(node))
	return fmt.Sprintf("%x.node.thresher", sum[:16])
}

// certify signs a certificate; by itself where there is no parent.
func certify(template, parent *x509.Certificate, public any, signer ed25519.PrivateKey) (*x509.Certificate, error) {
	template.NotBefore, template.NotAfter = notBefore, notAfter
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// shows is the node's certificate for TLS.
func (i *Identity) shows(p *papers) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.own[0].Raw}, PrivateKey: i.private, Leaf: p.own[0]}
}

// Server is how this node answers: nodes of the farm, and newcomers, of whom Peer
// knows no name. It follows SetKeys.
func (i *Identity) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			p := i.papers.Load()
			if hello.ServerName == newcomers {
				return i.welcome(p), nil
			}
			return &tls.Config{
				MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.shows(p)},
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.pool, SessionTicketsDisabled: true,
			}, nil
		},
	}
}

// Client is how this node asks that other one, and no other, under the keys of now:
// after SetKeys another one is to be had.
func (i *Identity) Client(node string) *tls.Config {
	p := i.papers.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.shows(p)},
		RootCAs: p.pool, ServerName: dnsName(node),
	}
}

// Peer is the name of the node at the other end of a connection; "" if there is
// none, or none that is believed any more.
func (i *Identity) Peer(state *tls.ConnectionState) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	for _, chain := range state.VerifiedChains {
		for _, root := range i.papers.Load().roots {
			if chain[len(chain)-1].Equal(root) {
				return chain[0].Subject.CommonName
			}
		}
	}
	return ""
}
