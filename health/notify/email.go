package notify

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"thresher/config"
	"thresher/internal/wholefile"
)

// groupMail is how long messages are gathered into one mail.
const groupMail = time.Minute

type email struct{ config config.Email }

func (e email) Group() time.Duration { return groupMail }
func (e email) String() string       { return "email " + strings.Join(e.config.To, ", ") }

// Send sends one mail with all messages.
func (e email) Send(ctx context.Context, messages []Message) error {
	m := mail.NewMsg()
	if err := m.From(e.config.From); err != nil {
		return err
	}
	if err := m.To(e.config.To...); err != nil {
		return err
	}
	m.Subject(subject(messages))
	m.SetDate()
	m.SetMessageID()
	m.SetBodyString(mail.TypeTextPlain, body(messages))
	client, err := e.client()
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, m)
}

func (e email) client() (*mail.Client, error) {
	host, port, err := net.SplitHostPort(e.config.Server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(number)}
	switch e.config.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if e.config.User != "" {
		password, err := wholefile.Read(e.config.Password, maxPassword)
		if err != nil {
			return nil, fmt.Errorf("read the password: %w", err)
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(e.config.User),
			mail.WithPassword(strings.TrimSpace(string(password))))
	}
	return mail.NewClient(host, options...)
}

// maxPassword bounds a file with one password.
const maxPassword = 4096

func subject(messages []Message) string {
	text := fmt.Sprintf("[thresher] %s: %s", messages[0].Node, messages[0].Message)
	if more := len(messages) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

func body(messages []Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%s  %-5s  %s: %s\r\n", m.Time.Format(time.RFC3339), m.Level, m.Node, m.Message)
	}
	return b.String()
}
