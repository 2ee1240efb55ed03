package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"thresher/config"
)

// maxTalk is how much a server may say before what is expected.
const maxTalk = 16 << 10

// tcpProbe connects, begins TLS, sends and expects, as far as it is told to.
func tcpProbe(c config.TCPCheck) Func {
	if c.StartTLS != "" {
		return func(ctx context.Context) Result { return talkSecurely(ctx, c) }
	}
	return func(ctx context.Context) Result {
		conn, err := open(ctx, c.Target)
		if err != nil {
			return failed("%s", because(err))
		}
		defer conn.Close()
		return talkTo(conn, c)
	}
}

// talkSecurely begins TLS before it talks.
func talkSecurely(ctx context.Context, c config.TCPCheck) Result {
	conn, err := dial(ctx, c.Target)
	if err != nil {
		return failed("%s", because(err))
	}
	defer conn.Close()
	defer heed(ctx, conn)()
	secure, err := startTLS(ctx, conn, c)
	if err != nil {
		return failed("%s", because(err))
	}
	return talkTo(secure, c)
}

// dial connects by TCP.
func dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1} // it ends before that begins
	return dialer.DialContext(ctx, "tcp", address)
}

// heed has what is done with a connection end with ctx, until stop.
func heed(ctx context.Context, conn interface{ SetDeadline(time.Time) error }) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

func talkTo(conn io.ReadWriter, c config.TCPCheck) Result {
	if c.Send != "" {
		if _, err := io.WriteString(conn, c.Send); err != nil {
			return failed("send: %s", because(err))
		}
	}
	switch {
	case c.Agent:
		line, err := bufio.NewReader(io.LimitReader(conn, maxTalk)).ReadString('\n')
		if err != nil && line == "" {
			return failed("%s", because(err))
		}
		return parseAgent(line)
	case c.Expect != nil:
		return expect(conn, c.Expect)
	}
	return ok("connected")
}

// expect reads until what is expected has come.
func expect(r io.Reader, want *regexp.Regexp) Result {
	var heard []byte
	b := make([]byte, 2048)
	for len(heard) < maxTalk {
		n, err := r.Read(b)
		heard = append(heard, b[:n]...)
		if want.Match(heard) {
			return ok("%q has come", want)
		}
		if err != nil {
			return failed("%q has not come, but %q: %s", want, clip(string(heard)), because(err))
		}
	}
	return failed("%q has not come within %d bytes", want, maxTalk)
}

// greeting is how a protocol begins TLS: lines that are awaited and sent.
type greeting struct{ await, send string }

// greetings are from RFC 3207 (smtp), RFC 9051 6.2.1 (imap), RFC 2595 4 (pop3) and
// RFC 4217 4 (ftp). A line is awaited that begins so; before it, others may come.
func greetings(protocol string) []greeting {
	switch protocol {
	case "smtp":
		return []greeting{{"220 ", "EHLO thresher-check\r\n"}, {"250 ", "STARTTLS\r\n"}, {"220 ", ""}}
	case "imap":
		return []greeting{{"* OK", "a STARTTLS\r\n"}, {"a OK", ""}}
	case "pop3":
		return []greeting{{"+OK", "STLS\r\n"}, {"+OK", ""}}
	case "ftp":
		return []greeting{{"220 ", "AUTH TLS\r\n"}, {"234 ", ""}}
	}
	return nil
}

// startTLS begins TLS as the check says.
func startTLS(ctx context.Context, conn net.Conn, c config.TCPCheck) (net.Conn, error) {
	for _, g := range greetings(c.StartTLS) {
		if err := await(conn, g.await); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(conn, g.send); err != nil {
			return nil, err
		}
	}
	secure := tls.Client(conn, &tls.Config{ServerName: hostOnly(c.Target), InsecureSkipVerify: c.SkipVerify})
	return secure, secure.HandshakeContext(ctx)
}

// await reads lines until one begins with prefix. It reads byte by byte, so as not
// to take what belongs to TLS. A line that refuses ends it.
func await(r io.Reader, prefix string) error {
	var line []byte
	b := make([]byte, 1)
	for n := 0; n < maxTalk; n++ {
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		if b[0] != '\n' {
			line = append(line, b[0])
			continue
		}
		text := strings.TrimSpace(string(line))
		switch {
		case strings.HasPrefix(string(line), prefix):
			return nil
		case refuses(text, prefix):
			return fmt.Errorf("the server says %q", clip(text))
		}
		line = line[:0]
	}
	return errors.New("the server says too much")
}

// refuses tells a reply that ends the conversation from one line of several, as
// "250-SIZE" before "250 HELP".
func refuses(line, want string) bool {
	if want[0] >= '0' && want[0] <= '9' {
		return len(line) > 3 && line[3] == ' ' && line[:3] != want[:3]
	}
	return strings.HasPrefix(line, "-ERR") || strings.HasPrefix(line, "a ") || strings.HasPrefix(line, "* BYE")
}
