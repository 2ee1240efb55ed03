package console

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"thresher/internal/wholefile"
)

// selfSignedLife is how long a certificate is good that the daemon makes. Nobody
// but people checks it, by its fingerprint, so it need not be renewed often.
const selfSignedLife = 10 * 365 * 24 * time.Hour

// certificateCheck is how often files are looked at that may have been renewed.
const certificateCheck = 10 * time.Second

// Certificate is what the API shows to people and tools. Its files are read again
// when they change.
type Certificate struct {
	cert, key string

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	current *tls.Certificate
}

// LoadCertificate reads a certificate's files, PEM.
func LoadCertificate(cert, key string) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key}
	pair, err := readPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read the API's certificate %s and its key %s: %w; name PEM files that belong together in api.tls, or leave api.tls out", cert, key, err)
	}
	c.current, c.looked, c.changed = &pair, time.Now(), fileTime(cert)
	return c, nil
}

// maxPEM bounds a file of certificates, or of a key.
const maxPEM = 1 << 20

func readPair(cert, key string) (tls.Certificate, error) {
	certPEM, err := wholefile.Read(cert, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := wholefile.Read(key, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// SelfSigned reads the certificate in a directory, or makes one there for those
// names and addresses, if there is none, or one that is too old or for others.
func SelfSigned(dir string, names []string, addresses []netip.Addr) (*Certificate, error) {
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if c, err := LoadCertificate(cert, key); err == nil && c.good(time.Now(), names, addresses) {
		return c, nil
	}
	if err := makeSelfSigned(dir, cert, key, names, addresses); err != nil {
		return nil, fmt.Errorf("make a certificate for the API: %w", err)
	}
	return LoadCertificate(cert, key)
}

// good tells whether a certificate is still right.
func (c *Certificate) good(now time.Time, names []string, addresses []netip.Addr) bool {
	leaf := c.current.Leaf
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return false
	}
	for _, name := range names {
		if leaf.VerifyHostname(name) != nil {
			return false
		}
	}
	for _, a := range addresses {
		if leaf.VerifyHostname(a.String()) != nil {
			return false
		}
	}
	return true
}

func makeSelfSigned(dir, cert, key string, names []string, addresses []netip.Addr) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // what every browser knows
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Thresher", Organization: []string{strings.Join(names, " ")}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(selfSignedLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: names,
	}
	for _, a := range addresses {
		template.IPAddresses = append(template.IPAddresses, a.AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(
		writeNew(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		writeNew(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// writeNew writes a file that only its owner can read, in the place of an old one.
func writeNew(path string, text []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// Fingerprint is the SHA-256 of the certificate, as browsers and openssl show it.
func (c *Certificate) Fingerprint() string {
	sum := sha256.Sum256(c.get().Certificate[0])
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}

// get is the certificate as its files have it. Files that can't be read leave the
// one before in use: whoever renews them writes one after the other.
func (c *Certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.looked) < certificateCheck {
		return c.current
	}
	c.looked = now
	if changed := fileTime(c.cert); !changed.Equal(c.changed) {
		if pair, err := readPair(c.cert, c.key); err == nil {
			c.current, c.changed = &pair, changed
		}
	}
	return c.current
}

func fileTime(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// config is how the API shows it.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil },
	}
}
