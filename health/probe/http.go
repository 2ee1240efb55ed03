package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"thresher/config"
	"thresher/internal/wholefile"
)

const (
	// maxHead is how long an answer's header may be, and how much of a body is read
	// where nothing is looked for in it.
	maxHead = 64 << 10
	// maxBody is how much of a body is looked through.
	maxBody = 1 << 20
)

// httpProbe asks a web server, on a new connection each time: a server that only
// keeps old ones alive is not well. Redirections are answers, and not followed.
func httpProbe(c config.HTTPCheck) Func {
	req, err := httpRequest(c)
	if err != nil {
		return func(context.Context) Result { return failed("%v", err) }
	}
	if req.URL.Scheme == "https" {
		return tlsProbe(c, req)
	}
	return plainProbe(c, req)
}

// httpRequest is what a server is asked each time.
func httpRequest(c config.HTTPCheck) (*http.Request, error) {
	req, err := http.NewRequest(c.Method, c.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "thresher-check")
	req.Close = true
	if c.Host != "" {
		req.Host = c.Host
	}
	return req, nil
}

// tlsProbe asks by HTTP/2 where the server has it.
func tlsProbe(c config.HTTPCheck, req *http.Request) Func {
	trusting := httpTransport(c, nil)
	return func(ctx context.Context) Result {
		transport := trusting
		if c.CAFile != "" { // it may be another one by now
			roots, err := readRoots(c.CAFile)
			if err != nil {
				return failed("%v", err)
			}
			transport = httpTransport(c, roots)
		}
		resp, err := transport.RoundTrip(req.WithContext(ctx))
		if err != nil {
			return failed("%s", because(err))
		}
		defer resp.Body.Close()
		return judgeAnswer(c, resp)
	}
}

// maxRoots bounds a file of certificates; the system's own has some 200 KB.
const maxRoots = 4 << 20

// readRoots reads who may sign a server's certificate.
func readRoots(file string) (*x509.CertPool, error) {
	pem, err := wholefile.Read(file, maxRoots)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return roots, nil
}

// httpTransport keeps no connection; nil roots are the system's.
func httpTransport(c config.HTTPCheck, roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: c.SkipVerify, ServerName: hostOnly(c.Host), RootCAs: roots},
		DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxHead,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dial(ctx, cmp.Or(c.Connect, address))
		},
	}
}

func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

func judgeAnswer(c config.HTTPCheck, resp *http.Response) Result {
	most := maxHead
	if c.Body != nil {
		most = maxBody
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)))
	fits := func(r config.PortRange) bool {
		return resp.StatusCode >= int(r.First) && resp.StatusCode <= int(r.Last)
	}
	switch {
	case !slices.ContainsFunc(c.Status, fits):
		return failed("status %d%s", resp.StatusCode, firstWords(body))
	case err != nil:
		return failed("the answer breaks off: %s", because(err))
	case c.Body != nil && !c.Body.Match(body):
		return failed("status %d, but %q is not in %s", resp.StatusCode, c.Body, lookedThrough(body))
	}
	for _, header := range c.Headers {
		if !hasHeader(resp.Header, header) {
			name, _, _ := strings.Cut(header, ":") // the value may be a secret
			return failed("status %d, but the answer does not have the header %q as it should be", resp.StatusCode, name)
		}
	}
	r := ok("status %d", resp.StatusCode)
	r.Warning = expiry(c, resp.TLS, time.Now())
	return r
}

// lookedThrough says what part of an answer a body is.
func lookedThrough(body []byte) string {
	if len(body) < maxBody {
		return "the answer"
	}
	return fmt.Sprintf("the first %d MiB of the answer, and more is not read", maxBody>>20)
}

// firstWords is what a health page says of itself, for module checks above all.
func firstWords(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line == "" || strings.HasPrefix(line, "<") {
		return ""
	}
	return ": " + line
}

// hasHeader looks for "Name: value", or for a name with any value.
func hasHeader(h http.Header, want string) bool {
	name, value, hasValue := strings.Cut(want, ":")
	values := h.Values(strings.TrimSpace(name))
	if !hasValue {
		return len(values) > 0
	}
	return slices.Contains(values, strings.TrimSpace(value))
}

// expiry warns of a certificate that ends soon. One that has ended fails the
// connection, unless nobody verifies it.
func expiry(c config.HTTPCheck, state *tls.ConnectionState, now time.Time) string {
	if c.ExpiryWarning == 0 || state == nil || len(state.PeerCertificates) == 0 {
		return ""
	}
	end := state.PeerCertificates[0].NotAfter
	if left := end.Sub(now); left < c.ExpiryWarning {
		return fmt.Sprintf("the certificate ends on %s, in %d days", end.UTC().Format(time.DateOnly), int(left.Hours()/24))
	}
	return ""
}
