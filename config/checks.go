package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What holds for a check where the file says nothing.
const (
	DefaultInterval = 10 * time.Second
	DefaultTimeout  = 5 * time.Second // or half the interval, if that is less
	DefaultRise     = 2
	DefaultFall     = 2
	DefaultJitter   = 5 // percent
)

// checks reads the checks and compares each with the ones before it.
func (p *problems) checks(raw []rawCheck, c *Config) []Check {
	if len(raw) > MaxChecks {
		p.add(fmt.Sprintf("checks[%d]", MaxChecks), "too many checks", fmt.Sprintf("a node has at most %d", MaxChecks))
		raw = raw[:MaxChecks]
	}
	var checks []Check
	var names []string
	for i, r := range raw {
		path := fmt.Sprintf("checks[%d]", i)
		check := p.check1(path, r, c)
		p.checkNewName(path, check.Name, names, "checks")
		names = append(names, check.Name)
		checks = append(checks, check)
	}
	return checks
}

func (p *problems) check1(path string, raw rawCheck, c *Config) Check {
	check := Check{
		Name:        p.requiredName(path, raw.Name, "check", "http"),
		Interval:    p.durationOr(path+".interval", raw.Interval, DefaultInterval, 50*time.Millisecond, 24*time.Hour),
		Rise:        p.count(path+".rise", raw.Rise, DefaultRise, 1, 1000),
		Fall:        p.count(path+".fall", raw.Fall, DefaultFall, 1, 1000),
		Jitter:      float64(p.count(path+".jitter", raw.Jitter, DefaultJitter, 0, 50)) / 100,
		Rules:       raw.Rules,
		Services:    raw.Services,
		MaxRestarts: p.count(path+".max_restarts", raw.MaxRestarts, DefaultMaxRestarts, 1, 1000),
		Within:      p.durationOr(path+".within", raw.Within, DefaultWithin, time.Second, 31*24*time.Hour),
	}
	check.Timeout = p.durationOr(path+".timeout", raw.Timeout, min(DefaultTimeout, check.Interval/2), 10*time.Millisecond, time.Hour)
	p.references(path+".rules", check.Rules, namesOf(c.Rules), "rule")
	p.references(path+".services", check.Services, serviceNames(c.Services), "service")
	if raw.Type == "" {
		p.addMissing(path+".type", checkTypes.cure())
		return check
	}
	if check.Type = readEnum(p, checkTypes, path+".type", raw.Type); check.Type == 0 {
		return check
	}
	p.keysOf(path, check.Type)
	p.acting(path, raw, c, &check)
	p.particulars(path, raw, &check)
	return check
}

// needs are the checks that look at what the services need, and not at them.
func (t CheckType) needs() bool {
	switch t {
	case CheckPing, CheckInterface, CheckAddress, CheckModule:
		return true
	}
	return false
}

// acting reads phase and action. What runs before the services can only have the
// node wait; what looks at the services cannot wait for them, since a node that
// waits has stopped them.
func (p *problems) acting(path string, raw rawCheck, c *Config, check *Check) {
	check.Phase, check.Action = PhaseBoth, ActionNone
	if check.Type.needs() {
		check.Phase, check.Action = PhasePre, ActionWait
	}
	if raw.Action != nil {
		check.Action = readEnum(p, actions, path+".action", *raw.Action)
		if raw.Phase == nil && check.Action == ActionWait {
			check.Phase = PhasePre
		} else if raw.Phase == nil && check.Action != ActionNone {
			check.Phase = PhaseBoth
		}
	}
	if raw.Phase != nil {
		check.Phase = readEnum(p, checkPhases, path+".phase", *raw.Phase)
		if raw.Action == nil && check.Phase == PhaseBoth {
			check.Action = ActionNone
		}
	}
	switch {
	case check.Phase == PhasePre && check.Action != ActionWait && check.Action != ActionNone && check.Action != 0:
		p.add(path+".action", fmt.Sprintf("a check of phase pre can't %v", check.Action), "use wait or none, or phase both")
	case check.Phase == PhaseBoth && check.Action == ActionWait:
		p.add(path+".action", "a check of phase both can't wait: the services that it looks at are stopped meanwhile", "use phase pre, or another action")
	case check.Action == ActionRestart && len(c.Services) == 0:
		p.add(path+".action", "there is no service to restart", "add one to services, or use another action")
	case check.Action != ActionRestart && len(check.Services) > 0:
		p.add(path+".services", "only action restart names services", "leave it out")
	}
	// A node that waits is out with all its rules.
	check.WithdrawsNone = check.Action == ActionWait || p.written(path+".rules") && len(check.Rules) == 0
}

// checkKeys are the keys that only some types have.
func checkKeys(t CheckType) []string {
	http := []string{"target", "method", "host", "connect", "status", "body", "headers", "ca_file", "verify", "expiry_warning"}
	switch t {
	case CheckHTTP, CheckModule:
		return http
	case CheckTCP:
		return []string{"target", "starttls", "send", "expect", "agent", "verify"}
	case CheckProcess:
		return []string{"pid_file", "process", "args", "at_least", "at_most"}
	case CheckPing:
		return []string{"target", "targets", "at_least"}
	case CheckInterface:
		return []string{"interface", "min_speed"}
	case CheckAddress:
		return []string{"target", "interface"}
	case CheckDNS:
		return []string{"target", "query", "record", "tcp", "expect"}
	case CheckExec:
		return []string{"command", "environment", "agent"}
	case CheckSystemd:
		return []string{"unit"}
	}
	return nil
}

// keysOf refuses keys that another type has: they would have no effect.
func (p *problems) keysOf(path string, t CheckType) {
	own := checkKeys(t)
	for _, w := range checkTypes.words {
		for _, key := range checkKeys(w.value) {
			if at := path + "." + key; p.written(at) && !slices.Contains(own, key) && !p.has(at) {
				p.add(at, fmt.Sprintf("a check of type %v has no `%s`", t, key), "its own keys are "+quoted(own))
			}
		}
	}
}

// particulars reads what only the check's type has.
func (p *problems) particulars(path string, raw rawCheck, check *Check) {
	switch check.Type {
	case CheckHTTP, CheckModule:
		check.HTTP = p.httpCheck(path, raw)
	case CheckTCP:
		check.TCP = p.tcpCheck(path, raw)
	case CheckProcess:
		check.Process = p.processCheck(path, raw)
	case CheckPing:
		check.Ping = p.pingCheck(path, raw)
	case CheckInterface:
		check.Interface = InterfaceCheck{MinSpeed: p.count(path+".min_speed", raw.MinSpeed, 0, 0, 1_000_000)}
		if raw.Interface == "" {
			p.addMissing(path+".interface", "name the network interface, such as eth1")
		}
		check.Interface.Interface = raw.Interface
	case CheckAddress:
		check.Address = AddressCheck{Interface: raw.Interface, Address: p.hostAddress(path+".target", raw.Target)}
	case CheckDNS:
		check.DNS = p.dnsCheck(path, raw)
	case CheckExec:
		check.Exec = ExecCheck{Command: p.command(path+".command", raw.Command), Agent: raw.Agent,
			Environment: p.environment(path+".environment", raw.Environment)}
		if len(raw.Command) == 0 && !p.written(path+".command") {
			p.addMissing(path+".command", `write the program and its arguments, as in ["/usr/lib/nagios/plugins/check_load", "-w", "5"]`)
		}
	case CheckSystemd:
		if check.Unit = raw.Unit; raw.Unit == "" {
			p.addMissing(path+".unit", "name the unit, such as nginx.service")
		} else if !strings.Contains(raw.Unit, ".") {
			p.add(path+".unit", fmt.Sprintf("%q has no type", raw.Unit), "write "+raw.Unit+".service")
		}
	}
}

func (p *problems) httpCheck(path string, raw rawCheck) HTTPCheck {
	h := HTTPCheck{
		URL: raw.Target, Method: "GET", Host: raw.Host, Connect: raw.Connect, Body: p.pattern(path+".body", raw.Body),
		Headers: raw.Headers, SkipVerify: raw.Verify != nil && !*raw.Verify, Status: []PortRange{{200, 399}},
		ExpiryWarning: p.durationOr(path+".expiry_warning", raw.ExpiryWarning, 0, time.Hour, 365*24*time.Hour),
	}
	if raw.Method != "" {
		if h.Method = raw.Method; !slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, raw.Method) {
			p.add(path+".method", fmt.Sprintf("%q is no method of a check", raw.Method), "use GET, HEAD or OPTIONS")
		}
	}
	if len(raw.Status) > 0 {
		h.Status = p.statusCodes(path+".status", raw.Status)
	}
	for i, header := range raw.Headers {
		if name, _, _ := strings.Cut(header, ":"); strings.TrimSpace(name) == "" {
			p.add(fmt.Sprintf("%s.headers[%d]", path, i), "has no name", "write it as in `Content-Type: text/html`")
		}
	}
	if h.CAFile = raw.CAFile; raw.CAFile != "" && !filepath.IsAbs(raw.CAFile) {
		p.add(path+".ca_file", fmt.Sprintf("%q is no absolute path", raw.CAFile), "begin it with a slash")
	}
	if raw.Connect != "" {
		p.hostPort(path+".connect", raw.Connect)
	}
	p.url(path+".target", raw.Target)
	return h
}

// url checks an address of a web page. Like no other refusal, this one has nothing of it:
// see mayBeSecret.
func (p *problems) url(path, text string) {
	const cure = "write it as in http://127.0.0.1/health"
	if text == "" {
		p.addMissing(path, cure)
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		p.add(path, "is no address of a web page", cure)
	case u.User != nil:
		p.add(path, "has a user's name in the address", cure)
	}
}

// statusCodes reads numbers and "first-last".
func (p *problems) statusCodes(path string, values []any) []PortRange {
	var list []PortRange
	for i, v := range values {
		first, last, isRange := strings.Cut(fmt.Sprint(v), "-")
		if !isRange {
			last = first
		}
		low, err1 := strconv.ParseUint(first, 10, 16)
		high, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil || low < 100 || high > 599 || low > high {
			p.add(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q is no status", fmt.Sprint(v)), `write 200 or "200-299"`)
			continue
		}
		list = append(list, PortRange{uint16(low), uint16(high)})
	}
	return list
}

func (p *problems) tcpCheck(path string, raw rawCheck) TCPCheck {
	known := []string{"tls", "smtp", "imap", "pop3", "ftp"}
	if raw.StartTLS != "" && !slices.Contains(known, raw.StartTLS) {
		p.add(path+".starttls", fmt.Sprintf("%q is no protocol that TLS begins in", raw.StartTLS), "use "+alternatives(known))
	}
	if raw.Verify != nil && raw.StartTLS == "" {
		p.add(path+".verify", "there is no certificate without TLS", "add `starttls: tls`, or leave it out")
	}
	p.hostPort(path+".target", raw.Target)
	return TCPCheck{Target: raw.Target, StartTLS: raw.StartTLS, Send: raw.Send, Agent: raw.Agent,
		Expect: p.pattern(path+".expect", raw.Expect), SkipVerify: raw.Verify != nil && !*raw.Verify}
}

// hostPort checks an address with a port.
func (p *problems) hostPort(path, text string) {
	const cure = "write it as in 127.0.0.1:25 or [::1]:25"
	if text == "" {
		p.addMissing(path, cure)
		return
	}
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" {
		p.add(path, fmt.Sprintf("%q is no address with a port", text), cure)
	}
}

func (p *problems) processCheck(path string, raw rawCheck) ProcessCheck {
	c := ProcessCheck{
		AtLeast: p.count(path+".at_least", raw.AtLeast, 1, 0, 1_000_000),
		AtMost:  p.count(path+".at_most", raw.AtMost, 0, 1, 1_000_000),
	}
	if c.AtMost != 0 && c.AtMost < c.AtLeast {
		p.add(path+".at_most", fmt.Sprintf("%d is less than at_least, %d", c.AtMost, c.AtLeast), "give a higher one, or leave it out")
	}
	if raw.PidFile == "" && raw.Process == "" {
		p.addMissing(path+".process", "give the name of the program's file, or a `pid_file`")
		return c
	}
	c.Process = Process{PidFile: raw.PidFile, Name: raw.Process, Args: p.pattern(path+".args", raw.Args)}
	if raw.PidFile != "" && (raw.Process != "" || raw.Args != "") {
		p.add(path+".pid_file", "has a pid file and a name", "give one of the two")
	} else if raw.PidFile != "" && !filepath.IsAbs(raw.PidFile) {
		p.add(path+".pid_file", fmt.Sprintf("%q is no absolute path", raw.PidFile), "begin it with a slash")
	}
	return c
}

func (p *problems) pingCheck(path string, raw rawCheck) PingCheck {
	c := PingCheck{AtLeast: p.count(path+".at_least", raw.AtLeast, 1, 1, 64)}
	switch {
	case raw.Target != "" && len(raw.Targets) > 0:
		p.add(path+".target", "there is a list of targets, too", "give one of the two")
	case raw.Target == "" && len(raw.Targets) == 0:
		p.addMissing(path+".target", "give the address to ping, such as the gateway's")
	case raw.Target != "":
		c.Targets = []netip.Addr{p.hostAddress(path+".target", raw.Target)}
	}
	for i, t := range raw.Targets {
		c.Targets = append(c.Targets, p.hostAddress(fmt.Sprintf("%s.targets[%d]", path, i), t))
	}
	if n := len(c.Targets); n > 0 && c.AtLeast > n {
		p.add(path+".at_least", fmt.Sprintf("%d of %d targets can't answer", c.AtLeast, n), fmt.Sprintf("use 1 to %d", n))
	}
	return c
}

func (p *problems) hostAddress(path, text string) netip.Addr {
	if text == "" {
		p.addMissing(path, "give an IP address")
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.IsUnspecified() || addr.IsMulticast() {
		p.add(path, fmt.Sprintf("%q is no IP address of a host", text), "write it as in 192.0.2.1, without prefix length and port")
	}
	return addr
}

func (p *problems) dnsCheck(path string, raw rawCheck) DNSCheck {
	c := DNSCheck{Server: raw.Target, Query: raw.Query, Record: "A", TCP: raw.TCP, Expect: p.pattern(path+".expect", raw.Expect)}
	if _, _, err := net.SplitHostPort(c.Server); err != nil && c.Server != "" {
		c.Server = net.JoinHostPort(trimBrackets(c.Server), "53")
	}
	p.hostPort(path+".target", c.Server)
	if c.Query == "" {
		p.addMissing(path+".query", "give the name to ask for, such as www.example.org")
	}
	known := []string{"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"}
	if raw.Record != "" {
		if c.Record = strings.ToUpper(raw.Record); !slices.Contains(known, c.Record) {
			p.add(path+".record", fmt.Sprintf("%q is no record type of a check", raw.Record), "use "+alternatives(known))
		}
	}
	return c
}
