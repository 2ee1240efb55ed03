package convert

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// look reads what watches the application: its scripts, errd and checkers.
func (s *safekit) look(root *element) error {
	if err := s.scripts(root); err != nil {
		return err
	}
	if err := s.processes(root); err != nil {
		return err
	}
	for _, c := range root.all("check") {
		for _, e := range c.children {
			if err := s.checker(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// scripts makes a service of the module's start and stop scripts.
func (s *safekit) scripts(root *element) error {
	user := root.first("user")
	if user.line == 0 {
		return nil
	}
	dir := "/etc/thresher/" + s.module
	v := service{line: user.line, Name: s.module, Start: []string{dir + "/start_both"}, Stop: []string{dir + "/stop_both"},
		MaxRestarts: s.limits.restarts, Within: s.limits.within}
	if user.get("nicestoptimeout") != "" {
		d, err := s.duration(user, "nicestoptimeout", time.Second)
		if err != nil {
			return err
		}
		v.StopTimeout = durationText(min(max(d, 100*time.Millisecond), 24*time.Hour))
	}
	for _, e := range user.all("var") {
		v.Environment = append(v.Environment, e.get("name")+"="+e.get("value"))
	}
	s.note(user.line, "scripts of the module", "copy start_both and stop_both to "+dir+
		": they are run without arguments and without the SAFE variables, and must exit 0; `systemd: UNIT` in their place is better")
	s.services = append(s.services, v)
	return nil
}

// processes makes a check of each process that errd looks for.
func (s *safekit) processes(root *element) error {
	errd := root.first("errd")
	interval := text("30s")
	if errd.get("polltimer") != "" {
		d, err := s.duration(errd, "polltimer", time.Second)
		if err != nil {
			return err
		}
		interval = intervalText(d)
	}
	for _, e := range errd.all("proc") {
		c := check{line: e.line, Name: e.get("name"), Type: "process", Process: e.get("name"), Args: e.get("argregex"), Interval: interval}
		if e.get("service") == "yes" {
			c.Type, c.Process, c.Args, c.Unit = "systemd", "", "", strings.TrimSuffix(e.get("name"), ".service")+".service"
		} else if err := s.howMany(e, &c); err != nil {
			return err
		}
		for _, a := range []string{"nameregex", "start_after", "restart_services"} {
			if e.get(a) != "" {
				s.note(e.line, fmt.Sprintf("proc %s: %s", c.Name, a), "left out: a process is found by the name of its program's file and by args")
			}
		}
		if class := e.or("class", "both"); class != "both" && class != "pre" {
			s.note(e.line, fmt.Sprintf("proc %s: class %s", c.Name, class), "is looked at while services run")
		} else {
			c.Phase = class
		}
		s.act(e, e.or("action", "stopstart"), &c)
		s.addCheck(c)
	}
	return nil
}

func (s *safekit) howMany(e *element, c *check) error {
	for _, a := range []struct {
		name string
		into **int
	}{{"atleast", &c.AtLeast}, {"atmax", &c.AtMost}} {
		v := e.get(a.name)
		if v == "" || v == "-1" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return s.in.refuse(e.line, fmt.Sprintf("proc: %s=%q is no number", a.name, v), "write digits only")
		}
		*a.into = &n
	}
	return nil
}

// act makes an action of a checker's, and has it fit the check's phase.
func (s *safekit) act(e *element, action string, c *check) {
	none := []string{}
	switch action {
	case "restart", "stopstart", "stop", "wait":
		c.Action = action
	case "noaction":
		c.Action, c.Rules = "none", &none
	default:
		s.note(e.line, fmt.Sprintf("%s %s: action %s", e.name, c.Name, action), "left out: an action is restart, stopstart, stop, wait or none")
		c.Action, c.Rules = "none", &none
	}
	switch {
	case c.Action == "wait":
		c.Phase = "pre"
	case c.Phase == "pre" && c.Action != "none":
		s.note(e.line, fmt.Sprintf("%s %s: action %s before the start", e.name, c.Name, c.Action), "what is looked at before services start can only have the node wait")
		c.Action, c.Rules = "wait", nil
	}
	if c.Action == "restart" && len(s.services) == 0 {
		s.note(e.line, fmt.Sprintf("%s %s: action restart", e.name, c.Name), "there are no scripts to restart: its rules are withdrawn while it is down")
		c.Action = "none"
	}
	if c.Action == "stopstart" {
		c.MaxRestarts, c.Within = s.limits.restarts, s.limits.within
	}
}

// checker makes a check of one child of <check>.
func (s *safekit) checker(e *element) error {
	to := e.first("to")
	c := check{line: e.line, Name: e.get("ident"), Phase: e.or("when", "both")}
	otherwise := "wait"
	switch e.name {
	case "tcp":
		c.Type, otherwise = "tcp", "restart"
		c.Target = net.JoinHostPort(to.or("addr", "127.0.0.1"), to.get("port"))
	case "ping":
		c.Type, c.Phase = "ping", "pre"
		c.Target = to.get("addr")
	case "ip":
		c.Type, otherwise = "address", "stopstart"
		c.Target = to.get("addr")
	case "intf":
		return s.interfaceCheck(e, to)
	case "custom":
		return s.custom(e, c)
	case "module":
		c.Type, c.Phase = "module", "pre"
		c.Name = e.or("ident", e.get("name"))
		c.Target = s.moduleURL(e, to)
	case "splitbrain":
		return nil // others notes it
	default:
		s.note(e.line, "checker <"+e.name+">", "is not known")
		return nil
	}
	if c.Type == "ping" || c.Type == "address" {
		if _, err := netip.ParseAddr(c.Target); err != nil {
			s.note(to.line, fmt.Sprintf("%s %s to %q", e.name, c.Name, c.Target), "left out: only IP addresses are looked at, and names are not looked up")
			return nil
		}
	}
	if err := s.timing(to, &c); err != nil {
		return err
	}
	s.act(e, e.or("action", otherwise), &c)
	s.addCheck(c)
	return nil
}

// interfaceCheck notes a checker that knows its interface by an address.
func (s *safekit) interfaceCheck(e, to *element) error {
	addr := to.get("local_addr")
	if _, err := netip.ParseAddr(addr); err != nil {
		s.note(e.line, fmt.Sprintf("intf %s of %q", e.get("ident"), addr), "left out: name the interface in a check of type interface")
		return nil
	}
	s.note(e.line, "intf "+e.get("ident"), "looks whether the address is there; a check of type interface looks whether the cable is")
	c := check{line: e.line, Name: e.get("ident"), Type: "address", Target: addr, Phase: "pre"}
	s.act(e, e.or("action", "wait"), &c)
	s.addCheck(c)
	return nil
}

func (s *safekit) custom(e *element, c check) error {
	words := append([]string{e.get("exec")}, strings.Fields(e.get("arg"))...)
	if words[0] == "" {
		return s.in.refuse(e.line, "custom: exec is missing", "name the checker's program")
	}
	if !strings.HasPrefix(words[0], "/") {
		words[0] = "/etc/thresher/" + s.module + "/" + words[0]
	}
	c.Type, c.Command = "exec", words
	s.note(e.line, "custom "+c.Name, "a SafeKit checker runs all the time and sets its resource by `safekit set`; "+
		words[0]+" is run every interval here, and must exit 0 for up and with another code for down")
	s.act(e, e.or("action", "noaction"), &c)
	s.addCheck(c)
	return nil
}

// moduleURL is where another module says whether it is up.
func (s *safekit) moduleURL(e, to *element) string {
	scheme, port := "http", "9010"
	if to.get("secure") == "on" {
		scheme, port = "https", "9453"
	}
	name := e.get("name")
	return fmt.Sprintf("%s://%s/var/modules/%s/ready.txt", scheme, net.JoinHostPort(to.or("addr", "127.0.0.1"), to.or("port", port)), plainName(name))
}

// timing reads interval and timeout, 10 s and 5 s where <to> says nothing.
func (s *safekit) timing(to *element, c *check) error {
	interval, timeout := 10*time.Second, 5*time.Second
	for _, a := range []struct {
		name string
		into *time.Duration
	}{{"interval", &interval}, {"timeout", &timeout}} {
		if to.get(a.name) == "" {
			continue
		}
		d, err := s.duration(to, a.name, time.Second)
		if err != nil {
			return err
		}
		*a.into = d
	}
	c.Interval = intervalText(interval)
	if slices.Contains([]string{"tcp", "ping", "module"}, c.Type) {
		c.Timeout = durationText(min(max(timeout, 10*time.Millisecond), time.Hour, max(interval, 50*time.Millisecond)))
	}
	return nil
}

// intervalText writes an interval within the bounds of one.
func intervalText(d time.Duration) text {
	return durationText(min(max(d, 50*time.Millisecond), 24*time.Hour))
}
