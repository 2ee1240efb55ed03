package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"thresher/health/command"
)

// webhook posts each message as a JSON object. Its URL is a secret but for scheme and
// host: who has it can speak in the node's name.
type webhook struct{ url string }

func (w webhook) Group() time.Duration { return 0 }

func (w webhook) String() string {
	u, err := url.Parse(w.url)
	if err != nil {
		return "webhook"
	}
	return "webhook " + u.Scheme + "://" + u.Host
}

// Send stays with the URL that is configured: a server that sends on to another one
// could have the node post to what is inside, where the server itself can't reach.
func (w webhook) Send(ctx context.Context, messages []Message) error {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, m := range messages {
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(b))
		if err != nil {
			return errors.New("the URL is none")
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return withoutURL(err)
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // what it says is of no use
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			return fmt.Errorf("the server says %s", resp.Status)
		}
	}
	return nil
}

// withoutURL is what was wrong with a request, without its URL.
func withoutURL(err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}

// program runs a program for each message, which finds it in its environment. Its
// arguments may be secret.
type program struct{ argv []string }

func (p program) Group() time.Duration { return 0 }
func (p program) String() string       { return "exec " + p.argv[0] }

func (p program) Send(ctx context.Context, messages []Message) error {
	for _, m := range messages {
		env := []string{"THRESHER_NODE=" + m.Node, "THRESHER_KIND=" + m.Kind, "THRESHER_LEVEL=" + m.Level, "THRESHER_MESSAGE=" + m.Message}
		for name, value := range m.Fields {
			env = append(env, "THRESHER_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+value)
		}
		for i := range env { // no environment can have a zero byte, which a server's error page may
			env[i] = strings.ReplaceAll(env[i], "\x00", "")
		}
		if r := command.Run(ctx, command.Command{Argv: p.argv, Env: env}); r.Err != nil {
			return errors.New(r.Reason())
		}
	}
	return nil
}
