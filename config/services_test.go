package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// healthFile is goodFile with a service and a check; line 11 begins services.
const healthFile = `services:
  - {name: nginx, systemd: nginx.service}
checks:
  - {name: http, type: http, target: "http://127.0.0.1/", interval: 1s, timeout: 500ms, action: restart, rules: [web]}
`

// tail is what stands at the end of goodFile, for edits that add to it.
const tail = "  insecure: true\n"

func TestParseServices(t *testing.T) {
	c := mustParse(t, with(t, tail, tail+healthFile), noEnv())
	want := []Service{{
		Name: "nginx", Systemd: "nginx.service", StartTimeout: 30 * time.Second, StopTimeout: 30 * time.Second,
		MaxRestarts: 3, Within: 24 * time.Hour,
	}}
	if diff := cmp.Diff(want, c.Services); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	checks := []Check{{
		Name: "http", Type: CheckHTTP, Interval: time.Second, Timeout: 500 * time.Millisecond, Jitter: 0.05, Rise: 2, Fall: 2,
		Phase: PhaseBoth, Action: ActionRestart, Rules: []string{"web"}, MaxRestarts: 3, Within: 24 * time.Hour,
		HTTP: HTTPCheck{URL: "http://127.0.0.1/", Method: "GET", Status: []PortRange{{200, 399}}},
	}}
	if diff := cmp.Diff(checks, c.Checks, equalAddrs); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// TestParseActing: phase and action follow from each other where one is not given.
func TestParseActing(t *testing.T) {
	const service = "services:\n  - {name: nginx, systemd: nginx.service}\nchecks:\n"
	for _, tt := range []struct {
		check  string
		phase  CheckPhase
		action Action
		none   bool // withdraws no rule
	}{
		{"type: ping, target: 192.0.2.1", PhasePre, ActionWait, true},
		{"type: ping, target: 192.0.2.1, action: none", PhasePre, ActionNone, false},
		{"type: ping, target: 192.0.2.1, action: stop", PhaseBoth, ActionStop, false},
		{"type: ping, target: 192.0.2.1, phase: both", PhaseBoth, ActionNone, false},
		{"type: tcp, target: \"192.0.2.1:25\"", PhaseBoth, ActionNone, false},
		{"type: tcp, target: \"192.0.2.1:25\", rules: []", PhaseBoth, ActionNone, true},
		{"type: tcp, target: \"192.0.2.1:25\", action: wait", PhasePre, ActionWait, true},
		{"type: tcp, target: \"192.0.2.1:25\", action: restart", PhaseBoth, ActionRestart, false},
		{"type: systemd, unit: nginx.service, action: stopstart", PhaseBoth, ActionStopstart, false},
	} {
		c := mustParse(t, with(t, tail, tail+service+"  - {name: c, "+tt.check+"}\n"), noEnv()).Checks[0]
		if c.Phase != tt.phase || c.Action != tt.action || c.WithdrawsNone != tt.none {
			t.Errorf("%s: phase %v, action %v, withdraws none %v; want %v, %v, %v", tt.check, c.Phase, c.Action, c.WithdrawsNone, tt.phase, tt.action, tt.none)
		}
	}
}

// TestCheckTimeout: a check that says no timeout has one that lets a server that hangs be
// noticed in time.
func TestCheckTimeout(t *testing.T) {
	for _, tt := range []struct {
		check string
		want  time.Duration
	}{
		{"type: ping, target: 192.0.2.1", 5 * time.Second},
		{"type: ping, target: 192.0.2.1, interval: 30s", 5 * time.Second},
		{"type: ping, target: 192.0.2.1, interval: 1s", 500 * time.Millisecond},
		{"type: ping, target: 192.0.2.1, interval: 50ms", 25 * time.Millisecond},
		{"type: ping, target: 192.0.2.1, interval: 1s, timeout: 2s", 2 * time.Second},
	} {
		c := mustParse(t, with(t, tail, tail+"checks:\n  - {name: c, "+tt.check+"}\n"), noEnv()).Checks[0]
		if c.Timeout != tt.want {
			t.Errorf("%s: timeout %v, want %v", tt.check, c.Timeout, tt.want)
		}
	}
}

func TestBadServices(t *testing.T) {
	bad := func(service string) []string { return []string{tail, tail + "services:\n  - {" + service + "}\n"} }
	checkBad(t, []badCase{
		{"no name", bad("systemd: a.service"), "12: services[0].name: is missing: give the service a name, such as nginx"},
		{"nothing to start", bad("name: a"),
			"12: services[0].start: is missing: name a unit by `systemd: nginx.service`, or give the commands `start` and `stop`"},
		{"no stop", bad("name: a, start: [/bin/a]"), "12: services[0].stop: is missing: give the command that stops what start has started"},
		{"both", bad("name: a, systemd: a.service, start: [/bin/a]"),
			"12: services[0].systemd: a unit has no start and stop commands: give the unit or the commands"},
		{"unit without type", bad("name: a, systemd: nginx"), `12: services[0].systemd: "nginx" has no type: write nginx.service`},
		{"relative", bad("name: a, start: [nginx], stop: [/bin/a]"),
			`12: services[0].start[0]: is no absolute path: give the program's whole path; nothing is looked for in PATH, and no shell reads it`},
		{"environment", bad("name: a, systemd: a.service, environment: [LANG]"),
			`12: services[0].environment[0]: sets no variable: write it as in LANG=C`},
		{"unit-less duration", bad("name: a, systemd: a.service, within: 24"), "12: services[0].within: 24 is no duration: it needs a unit, such as 24s"},
		{"max", bad("name: a, systemd: a.service, max_restarts: 0"), "12: services[0].max_restarts: 0 is out of range: use 1 to 1000"},
		{"rule", bad("name: a, systemd: a.service, rules: [wbe]"), `12: services[0].rules[0]: "wbe" is no rule: did you mean "web"?`},
		{"after", bad("name: a, systemd: a.service, after: [b]"), `12: services[0].after[0]: "b" is no service: the services are ` + "`a`"},
		{"after itself", bad("name: a, systemd: a.service, after: [a]"), `12: services[0].after: "a" waits for itself: name other services`},
		{"process", bad("name: a, start: [/bin/a], stop: [/bin/b], process: {pid_file: a.pid}"),
			`12: services[0].process.pid_file: "a.pid" is no absolute path: begin it with a slash`},
		{"process args", bad("name: a, start: [/bin/a], stop: [/bin/b], process: {name: a, args: '('}"),
			"12: services[0].process.args: \"(\" is no regular expression: error parsing regexp: missing closing ): `(`: see https://pkg.go.dev/regexp/syntax"},
		{"cycle", []string{tail, tail + "services:\n  - {name: a, systemd: a.service, after: [b]}\n  - {name: b, systemd: b.service, after: [a]}\n"},
			`12: services[0].after: "a" waits for a service that waits for it: leave one of them out`},
		{"twice", []string{tail, tail + "services:\n  - {name: a, systemd: a.service}\n  - {name: a, systemd: b.service}\n"},
			`13: services[1].name: "a" is already the name of services[0]: give each its own`},
		{"boot", []string{"name: web1", "name: web1, boot: maybe"}, `1: node.boot: "maybe" is no boot: use on, off or as-before`},
		{"slow start", []string{"name: web1", "name: web1, slow_start: 60"}, "1: node.slow_start: 60 is no duration: it needs a unit, such as 60s"},
	})
}

func TestBadChecks(t *testing.T) {
	bad := func(check string) []string { return []string{tail, tail + "checks:\n  - {name: c, " + check + "}\n"} }
	checkBad(t, []badCase{
		{"no type", bad("target: a"), "12: checks[0].type: is missing: use http, tcp, process, ping, interface, address, dns, exec, systemd or module"},
		{"type", bad("type: htpt"), `12: checks[0].type: "htpt" is no check type: use http, tcp, process, ping, interface, address, dns, exec, systemd or module`},
		{"another type's key", bad("type: systemd, unit: a.service, target: a"),
			"12: checks[0].target: a check of type systemd has no `target`: its own keys are `unit`"},
		{"url", bad("type: http, target: 127.0.0.1"), `12: checks[0].target: is no address of a web page: write it as in http://127.0.0.1/health`},
		{"status", bad(`type: http, target: "http://a/", status: [20]`), `12: checks[0].status[0]: "20" is no status: write 200 or "200-299"`},
		{"pre restart", []string{tail, tail + "services:\n  - {name: a, systemd: a.service}\nchecks:\n  - {name: c, type: ping, target: 192.0.2.1, phase: pre, action: restart}\n"},
			"14: checks[0].action: a check of phase pre can't restart: use wait or none, or phase both"},
		{"both wait", bad("type: ping, target: 192.0.2.1, phase: both, action: wait"),
			"12: checks[0].action: a check of phase both can't wait: the services that it looks at are stopped meanwhile: use phase pre, or another action"},
		{"nothing to restart", bad(`type: http, target: "http://a/", action: restart`),
			"12: checks[0].action: there is no service to restart: add one to services, or use another action"},
		{"services", bad(`type: http, target: "http://a/", services: [a]`),
			"12: checks[0].services: only action restart names services: leave it out\n12: checks[0].services[0]: \"a\" is no service: there is no service yet"},
		{"rule", bad(`type: http, target: "http://a/", rules: [wbe]`), `12: checks[0].rules[0]: "wbe" is no rule: did you mean "web"?`},
		{"tcp", bad("type: tcp, target: localhost"), `12: checks[0].target: "localhost" is no address with a port: write it as in 127.0.0.1:25 or [::1]:25`},
		{"ping", bad("type: ping, targets: [192.0.2.1], at_least: 2"), "12: checks[0].at_least: 2 of 1 targets can't answer: use 1 to 1"},
		{"ping nobody", bad("type: ping"), "12: checks[0].target: is missing: give the address to ping, such as the gateway's"},
		{"dns", bad("type: dns, target: 192.0.2.1"), "12: checks[0].query: is missing: give the name to ask for, such as www.example.org"},
		{"exec", bad("type: exec"), `12: checks[0].command: is missing: write the program and its arguments, as in ["/usr/lib/nagios/plugins/check_load", "-w", "5"]`},
		{"process", bad("type: process, process: nginx, at_least: 3, at_most: 2"), "12: checks[0].at_most: 2 is less than at_least, 3: give a higher one, or leave it out"},
		{"interval", bad("type: ping, target: 192.0.2.1, interval: 1ms"), "12: checks[0].interval: 1ms is out of range: use 50ms to 24h"},
		{"jitter", bad("type: ping, target: 192.0.2.1, jitter: 60"), "12: checks[0].jitter: 60 is out of range: use 0 to 50"},
	})
}
