package config

import (
	"fmt"
	"net/mail"
	"net/netip"
	"path/filepath"
	"slices"
)

// Notify is somebody who is told what happens: each change of this node's state,
// and each warning and error.
type Notify struct {
	// Email is set for mail, Webhook for a web page, Command for a program.
	Email   *Email
	Webhook string
	Command []string
	// States restricts it to changes of the node's state: a hook.
	States bool
}

// Email is where and how mail is sent.
type Email struct {
	Server   string // with port
	From     string
	To       []string
	TLS      string // starttls, tls or none
	User     string
	Password string // the path of the file that has it
}

type rawNotify struct {
	Type         string   `mapstructure:"type"`
	Server       string   `mapstructure:"server"`
	From         string   `mapstructure:"from"`
	To           []string `mapstructure:"to"`
	TLS          string   `mapstructure:"tls"`
	User         string   `mapstructure:"user"`
	PasswordFile string   `mapstructure:"password_file"`
	URL          string   `mapstructure:"url"`
	Command      []string `mapstructure:"command"`
	Only         string   `mapstructure:"only"`
}

func (p *problems) notify(raw []rawNotify) []Notify {
	var list []Notify
	for i, r := range raw {
		path := fmt.Sprintf("notify[%d]", i)
		n := Notify{States: r.Only == "states"}
		if r.Only != "" && !n.States {
			p.add(path+".only", fmt.Sprintf("%q is no kind of notification", r.Only), "use states, or leave it out for warnings and errors, too")
		}
		switch r.Type {
		case "email":
			n.Email = p.email(path, r)
		case "webhook":
			n.Webhook = r.URL
			p.url(path+".url", r.URL)
		case "exec":
			if n.Command = p.command(path+".command", r.Command); len(r.Command) == 0 && !p.written(path+".command") {
				p.addMissing(path+".command", `write the program and its arguments, as in ["/usr/local/bin/tell"]`)
			}
		case "":
			p.addMissing(path+".type", "use email, webhook or exec")
		default:
			p.add(path+".type", fmt.Sprintf("%q is no way to notify", r.Type), "use email, webhook or exec")
		}
		list = append(list, n)
	}
	return list
}

func (p *problems) email(path string, r rawNotify) *Email {
	e := &Email{Server: r.Server, From: r.From, To: r.To, TLS: "starttls", User: r.User, Password: r.PasswordFile}
	p.hostPort(path+".server", r.Server)
	if r.TLS != "" {
		if e.TLS = r.TLS; !slices.Contains([]string{"starttls", "tls", "none"}, r.TLS) {
			p.add(path+".tls", fmt.Sprintf("%q is no way to send mail", r.TLS), "use starttls, tls or none")
		}
	}
	p.mailAddress(path+".from", r.From)
	if len(r.To) == 0 {
		p.addMissing(path+".to", "name who gets the mail, such as [ops@example.org]")
	}
	for i, to := range r.To {
		p.mailAddress(fmt.Sprintf("%s.to[%d]", path, i), to)
	}
	if (r.User == "") != (r.PasswordFile == "") {
		p.add(path+".user", "user and password_file belong together", "give both, or none")
	} else if r.PasswordFile != "" && !filepath.IsAbs(r.PasswordFile) {
		p.add(path+".password_file", "is no absolute path", "name the file that has the password, from the slash on")
	}
	if r.User != "" && e.TLS == "none" {
		p.add(path+".tls", "without TLS the password could be read on the wire", "use starttls or tls")
	}
	return e
}

func (p *problems) mailAddress(path, text string) {
	if text == "" {
		p.addMissing(path, "give a mail address, such as ops@example.org")
	} else if _, err := mail.ParseAddress(text); err != nil {
		p.add(path, fmt.Sprintf("%q is no mail address", text), "write it as in ops@example.org")
	}
}

const healthListenCure = "write it as in 0.0.0.0:9010"

// healthListen is where the health URL is served; the zero value is nowhere.
func (p *problems) healthListen(path, text string) netip.AddrPort {
	if text == "" {
		return netip.AddrPort{}
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil || a.Port() == 0 {
		p.add(path, fmt.Sprintf("%q is no address with a port", text), healthListenCure)
	}
	return a
}
