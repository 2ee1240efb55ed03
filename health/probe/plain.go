package probe

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/idna"

	"thresher/config"
)

// plainProbe asks without TLS. A Transport of net/http starts two goroutines for each
// connection, which hand the answer on: here, one goroutine does it all.
func plainProbe(c config.HTTPCheck, req *http.Request) Func {
	var text bytes.Buffer
	if err := req.Write(&text); err != nil {
		return func(context.Context) Result { return failed("%v", err) }
	}
	address := cmp.Or(c.Connect, plainAddress(req.URL))
	reader := bufio.NewReader(nil)
	return func(ctx context.Context) Result {
		conn, err := open(ctx, address)
		if err != nil {
			return failed("%s", because(err))
		}
		defer conn.Close()
		resp, err := exchange(conn, reader, text.Bytes(), req)
		if err != nil {
			return failed("%s", because(err))
		}
		// Its body is not closed: net/http would read it to its end.
		return judgeAnswer(c, resp)
	}
}

// plainAddress is where a URL's server is.
func plainAddress(u *url.URL) string {
	host := u.Hostname()
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	return net.JoinHostPort(host, cmp.Or(u.Port(), "80"))
}

// exchange sends a request, and reads the answer's header by r. Answers before the answer
// (RFC 9110, 15.2) are passed over.
func exchange(conn io.ReadWriter, r *bufio.Reader, text []byte, req *http.Request) (*http.Response, error) {
	if _, err := conn.Write(text); err != nil {
		return nil, err
	}
	in := &io.LimitedReader{R: conn, N: maxHead}
	r.Reset(in)
	for {
		resp, err := http.ReadResponse(r, req)
		switch {
		case err != nil && in.N == 0:
			return nil, errors.New("the answer's header is too long")
		case err != nil:
			return nil, err
		case resp.StatusCode >= http.StatusOK || resp.StatusCode == http.StatusSwitchingProtocols:
			in.N = math.MaxInt64 // the body's reader has a limit of its own
			return resp, nil
		}
	}
}
