package convert

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// realChecks makes this node's checks of those that the directors had of it: a node
// looks after itself, and withdraws the rules.
func (k *keepalived) realChecks(v, real *block, rules []string, o Options) error {
	for _, b := range real.body {
		c := check{line: b.line, Name: rules[0] + "-check", Action: "none", Rules: &rules}
		ok := true
		var err error
		switch b.name() {
		case "TCP_CHECK":
			c.Type, c.Target = "tcp", k.target(real, b, o)
		case "SMTP_CHECK":
			c.Type, c.Target = "tcp", k.target(real, b, o)
			k.note(b.line, b.name(), "looks whether the port can be connected to")
		case "HTTP_GET", "SSL_GET":
			err = k.web(real, b, o, &c)
		case "MISC_CHECK":
			ok = k.misc(b, &c)
		case "weight", "inhibit_on_failure", "uthreshold", "lthreshold", "notify_up", "notify_down", "alpha", "retry", "delay_loop", "warmup", "delay_before_retry", "log_all_failures":
			if b.name() != "weight" {
				k.note(b.line, b.name(), "left out")
			}
			continue
		default:
			k.note(b.line, b.name(), "left out: there is no check of the kind")
			continue
		}
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := k.timing(v, real, b, &c); err != nil {
			return err
		}
		k.addCheck(c)
	}
	return nil
}

// target is where this node's service listens.
func (k *keepalived) target(real, b *block, o Options) string {
	host := "127.0.0.1"
	if o.Bind.IsValid() {
		host = o.Bind.String()
	}
	return net.JoinHostPort(cmp.Or(b.value("connect_ip"), host), cmp.Or(b.value("connect_port"), real.word(2)))
}

func (k *keepalived) web(real, b *block, o Options, c *check) error {
	c.Type = "http"
	scheme := "http"
	if b.name() == "SSL_GET" {
		no := false
		scheme, c.Verify = "https", &no
	}
	urls := b.all("url")
	if len(urls) == 0 {
		return k.in.refuse(b.line, b.name()+" has no url", "give it one, as in url { path / status_code 200 }")
	}
	for i, u := range urls {
		if i > 0 {
			k.note(u.line, "second url", "left out: make another check of it")
			continue
		}
		path := cmp.Or(u.value("path"), "/")
		c.Target = scheme + "://" + k.target(real, b, o) + "/" + strings.TrimPrefix(path, "/")
		for _, code := range u.all("status_code") {
			for _, w := range code.words[1:] {
				c.Status = append(c.Status, any(w))
				if n, err := strconv.Atoi(w); err == nil {
					c.Status[len(c.Status)-1] = n
				}
			}
		}
		if u.value("digest") != "" {
			k.note(u.line, "digest", "left out: give a pattern by body")
		}
	}
	return nil
}

func (k *keepalived) misc(b *block, c *check) bool {
	command := fields(b.value("misc_path"))
	if len(command) == 0 || !strings.HasPrefix(command[0], "/") {
		k.note(b.line, "MISC_CHECK "+b.value("misc_path"), "left out: a command is an absolute path, and no shell reads it")
		return false
	}
	if b.all("misc_dynamic") != nil {
		k.note(b.line, "misc_dynamic", "exit codes do not set the weight; a check with agent: true does")
	}
	c.Type, c.Command = "exec", command
	return true
}

// timing reads interval, timeout and retries, whose names keepalived has more than
// one of.
func (k *keepalived) timing(v, real, b *block, c *check) error {
	interval, err := k.seconds(b, "delay_loop", first(b.value("delay_loop"), real.value("delay_loop"), v.value("delay_loop"), "60"))
	if err != nil {
		return err
	}
	timeout, err := k.seconds(b, "timeout", first(b.value("connect_timeout"), b.value("misc_timeout"), "5"))
	if err != nil {
		return err
	}
	c.Interval = intervalText(interval)
	c.Timeout = durationText(min(max(timeout, 10*time.Millisecond), max(interval, 50*time.Millisecond), time.Hour))
	if n, err := strconv.Atoi(first(b.value("retry"), b.value("nb_get_retry"))); err == nil && n >= 0 && n < 1000 {
		c.Fall = number(n + 1)
	}
	return nil
}

func (k *keepalived) seconds(b *block, what, text string) (time.Duration, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 86400 {
		return 0, k.in.refuse(b.line, fmt.Sprintf("%s: %s %q is none", b.name(), what, text), "it is in seconds, at most a day")
	}
	return time.Duration(n * float64(time.Second)), nil
}
