package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What holds for services and checks where the file says nothing.
const (
	DefaultStartTimeout = 30 * time.Second
	DefaultStopTimeout  = 30 * time.Second
	DefaultMaxRestarts  = 3
	DefaultWithin       = 24 * time.Hour
	DefaultStopDrain    = 10 * time.Second
)

// MaxServices and MaxChecks bound what one node looks after.
const (
	MaxServices = 64
	MaxChecks   = 1024
)

// life reads how the node comes and goes.
func (p *problems) life(raw rawNode) Life {
	l := Life{
		Boot: BootOn, Rejoin: RejoinAuto, ResetOnStop: raw.ResetOnStop == nil || *raw.ResetOnStop,
		NoVIPChecks: raw.VIPChecks != nil && !*raw.VIPChecks,
		StopDrain:   p.durationOr("node.stop_drain", raw.StopDrain, DefaultStopDrain, 0, 24*time.Hour),
		BootDelay:   p.durationOr("node.boot_delay", raw.BootDelay, 0, 0, time.Hour),
		SlowStart:   p.durationOr("node.slow_start", raw.SlowStart, 0, 0, time.Hour),
	}
	if raw.Boot != nil {
		l.Boot = readEnum(p, boots, "node.boot", *raw.Boot)
	}
	if raw.Rejoin != nil {
		l.Rejoin = readEnum(p, rejoins, "node.rejoin", *raw.Rejoin)
	}
	return l
}

// services reads the services and compares each with the ones before it.
func (p *problems) services(raw []rawService, rules []Rule) []Service {
	if len(raw) > MaxServices {
		p.add(fmt.Sprintf("services[%d]", MaxServices), "too many services", fmt.Sprintf("a node has at most %d", MaxServices))
		raw = raw[:MaxServices]
	}
	var services []Service
	for i, r := range raw {
		path := fmt.Sprintf("services[%d]", i)
		s := p.service(path, r, rules)
		p.checkNewName(path, s.Name, serviceNames(services), "services")
		services = append(services, s)
	}
	for i, s := range services {
		p.references(fmt.Sprintf("services[%d].after", i), s.After, serviceNames(services), "service")
		if slices.Contains(s.After, s.Name) {
			p.add(fmt.Sprintf("services[%d].after", i), fmt.Sprintf("%q waits for itself", s.Name), "name other services")
		}
	}
	if at, ok := cycle(services); ok {
		p.add(fmt.Sprintf("services[%d].after", at), fmt.Sprintf("%q waits for a service that waits for it", services[at].Name),
			"leave one of them out")
	}
	return services
}

func serviceNames(services []Service) []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	return names
}

func namesOf(rules []Rule) []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.Name
	}
	return names
}

func (p *problems) service(path string, raw rawService, rules []Rule) Service {
	s := Service{
		Name: p.requiredName(path, raw.Name, "service", "nginx"), Systemd: raw.Systemd,
		Start:        p.command(path+".start", raw.Start),
		Stop:         p.command(path+".stop", raw.Stop),
		Ready:        p.command(path+".ready", raw.Ready),
		Environment:  p.environment(path+".environment", raw.Environment),
		StartTimeout: p.durationOr(path+".start_timeout", raw.StartTimeout, DefaultStartTimeout, 100*time.Millisecond, 24*time.Hour),
		StopTimeout:  p.durationOr(path+".stop_timeout", raw.StopTimeout, DefaultStopTimeout, 100*time.Millisecond, 24*time.Hour),
		After:        raw.After,
		MaxRestarts:  p.count(path+".max_restarts", raw.MaxRestarts, DefaultMaxRestarts, 1, 1000),
		Within:       p.durationOr(path+".within", raw.Within, DefaultWithin, time.Second, 31*24*time.Hour),
		Rules:        raw.Rules,

		WithdrawsNone: p.written(path+".rules") && len(raw.Rules) == 0,
	}
	p.references(path+".rules", s.Rules, namesOf(rules), "rule")
	s.Process = p.process(path+".process", raw.Process)
	switch {
	case s.Systemd != "" && (len(s.Start) > 0 || len(s.Stop) > 0):
		p.add(path+".systemd", "a unit has no start and stop commands", "give the unit or the commands")
	case s.Systemd != "" && s.Process != nil:
		p.add(path+".process", "systemd watches a unit's process", "leave it out")
	case s.Systemd != "" && !strings.Contains(s.Systemd, "."):
		p.add(path+".systemd", fmt.Sprintf("%q has no type", s.Systemd), "write "+s.Systemd+".service")
	case s.Systemd == "" && len(s.Start) == 0:
		p.addMissing(path+".start", "name a unit by `systemd: nginx.service`, or give the commands `start` and `stop`")
	case s.Systemd == "" && len(s.Stop) == 0:
		p.addMissing(path+".stop", "give the command that stops what start has started")
	}
	return s
}

// process reads how to find a process; nil if nothing is said.
func (p *problems) process(path string, raw rawProcess) *Process {
	if raw == (rawProcess{}) {
		if p.written(path) {
			p.add(path, "finds nothing", "give `pid_file` or `name`")
		}
		return nil
	}
	if raw.PidFile != "" && (raw.Name != "" || raw.Args != "") {
		p.add(path, "has a pid file and a name", "give one of the two")
	}
	if raw.PidFile != "" && !filepath.IsAbs(raw.PidFile) {
		p.add(path+".pid_file", fmt.Sprintf("%q is no absolute path", raw.PidFile), "begin it with a slash")
	}
	if raw.PidFile == "" && raw.Name == "" {
		p.addMissing(path+".name", "give the name of the program's file")
	}
	return &Process{PidFile: raw.PidFile, Name: raw.Name, Args: p.pattern(path+".args", raw.Args)}
}

// cycle finds a service that waits for itself by way of others.
func cycle(services []Service) (int, bool) {
	byName := make(map[string]int, len(services))
	for i, s := range services {
		byName[s.Name] = i
	}
	const entered, left = 1, 2
	marks := make([]int, len(services))
	var visit func(i int) bool
	visit = func(i int) bool {
		marks[i] = entered
		for _, name := range services[i].After {
			next, ok := byName[name]
			if !ok || next == i {
				continue
			}
			if marks[next] == entered || marks[next] == 0 && visit(next) {
				return true
			}
		}
		marks[i] = left
		return false
	}
	for i := range services {
		if marks[i] == 0 && visit(i) {
			return i, true
		}
	}
	return 0, false
}

// requiredName reads the name of a service or check.
func (p *problems) requiredName(path, name, what, example string) string {
	if name == "" {
		p.addMissing(path+".name", fmt.Sprintf("give the %s a name, such as %s", what, example))
		return ""
	}
	return p.name(path+".name", name)
}

func (p *problems) checkNewName(path, name string, earlier []string, list string) {
	if i := slices.Index(earlier, name); i >= 0 && name != "" {
		p.add(path+".name", fmt.Sprintf("%q is already the name of %s[%d]", name, list, i), "give each its own")
	}
}

// references checks that names are among those that there are.
func (p *problems) references(path string, names, known []string, what string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		if slices.Contains(names[:i], name) {
			p.add(at, fmt.Sprintf("%q stands twice", name), "name each "+what+" once")
			continue
		}
		if slices.Contains(known, name) {
			continue
		}
		cure := fmt.Sprintf("there is no %s yet", what)
		if near, ok := nearest(name, known); ok {
			cure = fmt.Sprintf("did you mean %q?", near)
		} else if len(known) > 0 {
			cure = fmt.Sprintf("the %ss are %s", what, quoted(known))
		}
		p.add(at, fmt.Sprintf("%q is no %s", name, what), cure)
	}
}

// command reads a command line, whose program is an absolute path: a daemon's
// PATH says nothing.
func (p *problems) command(path string, words []string) []string {
	switch {
	case len(words) == 0:
		if p.written(path) {
			p.add(path, "is empty", `write the program and its arguments, as in ["/usr/sbin/nginx", "-t"]`)
		}
		return nil
	case !filepath.IsAbs(words[0]):
		p.add(path+"[0]", "is no absolute path", "give the program's whole path; nothing is looked for in PATH, and no shell reads it")
	}
	for i, w := range words {
		if strings.ContainsRune(w, 0) {
			p.add(fmt.Sprintf("%s[%d]", path, i), "has a zero byte", "")
		}
	}
	return words
}

func (p *problems) environment(path string, pairs []string) []string {
	for i, pair := range pairs {
		if key, _, ok := strings.Cut(pair, "="); !ok || key == "" || strings.ContainsRune(pair, 0) {
			p.add(fmt.Sprintf("%s[%d]", path, i), "sets no variable", "write it as in LANG=C")
		}
	}
	return pairs
}

// pattern reads a regular expression; nil if there is none.
func (p *problems) pattern(path, text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		p.add(path, fmt.Sprintf("%q is no regular expression: %v", text, err), "see https://pkg.go.dev/regexp/syntax")
		return nil
	}
	return re
}

func (p *problems) durationOr(path string, text *duration, otherwise, low, high time.Duration) time.Duration {
	if text == nil {
		return otherwise
	}
	return p.duration(path, *text, low, high)
}

// count reads a number between two bounds.
func (p *problems) count(path string, n *int64, otherwise, low, high int64) int {
	if n == nil {
		return int(otherwise)
	}
	if *n < low || *n > high {
		p.add(path, fmt.Sprintf("%d is out of range", *n), fmt.Sprintf("use %d to %d", low, high))
		return int(otherwise)
	}
	return int(*n)
}
