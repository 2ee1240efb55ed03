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

// Identity is one node's certificate and what it checks the others' with.
type Identity struct {
	certificate tls.Certificate
	authority   *x509.CertPool
	root        *x509.Certificate
}

// New returns the identity of the node of that name, with a key of its own that
// lives as long as the process.
func New(farmKey [32]byte, node string) (*Identity, error) {
	seed, err := hkdf.Key(sha256.New, farmKey[:], nil, label, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive the farm's authority: %w", err)
	}
	signer := ed25519.NewKeyFromSeed(seed)
	authority, err := certify(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "thresher farm"},
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, signer.Public(), signer)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the node's key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make the node's certificate: %w", err)
	}
	leaf, err := certify(&x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(2)), Subject: pkix.Name{CommonName: node}, DNSNames: []string{dnsName(node)},
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, authority, public, signer)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	return &Identity{tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: private, Leaf: leaf}, pool, authority}, nil
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

// Server is how this node answers: nodes of the farm, and newcomers, of whom Peer
// knows no name.
func (i *Identity) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.certificate},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: i.authority,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName == newcomers {
				return i.welcome(), nil
			}
			return nil, nil
		},
	}
}

// Client is how this node asks that other one, and no other.
func (i *Identity) Client(node string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.certificate},
		RootCAs: i.authority, ServerName: dnsName(node),
	}
}

// Peer is the name of the node at the other end.
func Peer(state *tls.ConnectionState) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	return state.VerifiedChains[0][0].Subject.CommonName
}
