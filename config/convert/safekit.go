package convert

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// safekit converts a farm module of SafeKit. Element and attribute names are those
// of chapter 13 of its User's Guide 8.2.
type safekit struct {
	farm
	module string // its name
	hosts  []string
	// differ says that the nodes' powers are not all the same.
	differ bool
	macros map[string]string
	limits struct {
		restarts *int
		within   text
	}
}

// SafeKit converts a farm module: its userconfig.xml, or its .safe file.
func SafeKit(in Input, o Options) (Result, error) {
	if err := in.checkSize("the module's userconfig.xml"); err != nil {
		return Result{}, err
	}
	module := plainName(strings.TrimSuffix(path.Base(in.Name), path.Ext(in.Name)))
	if bytes.HasPrefix(in.Data, []byte("PK")) {
		var err error
		if in, err = in.unzip(); err != nil {
			return Result{}, err
		}
	} else if module == "userconfig" {
		module = ""
	}
	if module == "" {
		module = "application"
	}
	root, err := in.parseXML()
	if err != nil {
		return Result{}, err
	}
	s := safekit{farm: farm{in: in, title: "SafeKit's " + path.Base(in.Name)}, module: module}
	if err := s.convert(root, o); err != nil {
		return Result{}, err
	}
	return s.finish(o)
}

// unzip takes userconfig.xml out of a .safe file.
func (in Input) unzip() (Input, error) {
	z, err := zip.NewReader(bytes.NewReader(in.Data), int64(len(in.Data)))
	if err != nil {
		return in, in.refuse(0, "is no whole .safe file: "+strings.TrimPrefix(err.Error(), "zip: "), "copy it again")
	}
	for _, f := range z.File {
		if path.Base(strings.ReplaceAll(f.Name, `\`, "/")) != "userconfig.xml" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return in, in.refuse(0, "userconfig.xml in it can't be read: "+err.Error(), "copy it again")
		}
		data, err := io.ReadAll(io.LimitReader(r, MaxInput+1))
		if err = errors.Join(err, r.Close()); err != nil {
			return in, in.refuse(0, "userconfig.xml in it can't be read: "+err.Error(), "copy it again")
		}
		inner := Input{in.Name + "/userconfig.xml", data}
		return inner, inner.checkSize("the module's userconfig.xml")
	}
	return in, in.refuse(0, "has no userconfig.xml in it", "give the .safe file of a farm module")
}

func (s *safekit) convert(root *element, o Options) error {
	if err := s.expand(root); err != nil {
		return err
	}
	if err := s.mode(root); err != nil {
		return err
	}
	if err := s.addresses(root); err != nil {
		return err
	}
	if err := s.loadBalancing(root, o); err != nil {
		return err
	}
	s.topology(root)
	if err := s.look(root); err != nil {
		return err
	}
	s.others(root)
	return nil
}

// expand puts the macros' values in the place of %NAME%.
func (s *safekit) expand(root *element) error {
	s.macros = map[string]string{}
	for _, m := range root.all("macro") {
		s.macros[m.get("name")] = m.get("value")
	}
	var replace func(e *element) error
	replace = func(e *element) error {
		for k, v := range e.attributes {
			whole, missing := s.expanded(v)
			if missing != "" && e.name != "macro" {
				return s.in.refuse(e.line, fmt.Sprintf("%s: macro %%%s%% has no value", e.name, missing), "add <macro name=\""+missing+"\" value=\"…\"/>")
			}
			e.attributes[k] = whole
		}
		for _, c := range e.children {
			if err := replace(c); err != nil {
				return err
			}
		}
		return nil
	}
	return replace(root)
}

// expanded replaces each %NAME% once: a macro's value has no macros. It returns
// the first name that there is no macro of.
func (s *safekit) expanded(v string) (whole, missing string) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(v, "%")
		name, after, closed := strings.Cut(rest, "%")
		b.WriteString(before)
		if !ok || !closed {
			if ok {
				b.WriteString("%" + rest)
			}
			return b.String(), missing
		}
		value, known := s.macros[name]
		switch {
		case known:
			b.WriteString(value)
		case name != "" && plainName(name) == name:
			missing = name
		default:
			b.WriteString("%" + name + "%")
		}
		v = after
	}
}

// mode reads <service>: what kind of module it is, and how often it may fail.
func (s *safekit) mode(root *element) error {
	e := root.first("service")
	if e.line == 0 {
		return s.in.refuse(0, "has no <service>", "give the userconfig.xml of a farm module")
	}
	if mode := e.get("mode"); mode != "farm" {
		return s.in.refuse(e.line, fmt.Sprintf("is a module of mode %q", mode), "only farm modules have a counterpart: a farm serves from all nodes, a mirror replicates files between two")
	}
	switch boot := e.get("boot"); boot {
	case "on", "off":
		s.node.Boot = boot
	case "", "ignore":
	case "auto":
		s.node.Boot = "as-before"
	default:
		s.note(e.line, "boot="+boot, "is not known")
	}
	if v := e.get("maxloop"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 {
			s.note(e.line, "maxloop="+v, "left out: a node stops after 1 to 1000 failures, 3 where the file says nothing")
		} else {
			s.limits.restarts = &n
		}
	}
	if v := e.get("loop_interval"); v != "" {
		d, err := s.duration(e, "loop_interval", time.Hour)
		if err != nil {
			return err
		}
		s.limits.within = durationText(min(max(d, time.Second), 31*24*time.Hour))
	}
	if e.get("boot_delay") != "" {
		d, err := s.duration(e, "boot_delay", time.Second)
		if err != nil {
			return err
		}
		if d > 0 {
			s.node.BootDelay = durationText(min(d, time.Hour))
		}
	}
	if e.get("automatic_reboot") == "on" {
		s.note(e.line, "automatic_reboot", "a node that stops is fenced by its kernel program at once, and needs no reboot")
	}
	return nil
}

// duration reads a time with or without a unit (User's Guide, 13.1).
func (s *safekit) duration(e *element, attribute string, unit time.Duration) (time.Duration, error) {
	v := e.get(attribute)
	number := strings.TrimRight(v, "dhmsu")
	n, err := strconv.ParseFloat(number, 64)
	switch v[len(number):] {
	case "":
	case "d":
		unit = 24 * time.Hour
	case "h":
		unit = time.Hour
	case "m":
		unit = time.Minute
	case "s":
		unit = time.Second
	case "ms":
		unit = time.Millisecond
	case "us":
		unit = time.Microsecond
	default:
		err = strconv.ErrSyntax
	}
	if err != nil || n < 0 || n*float64(unit) > float64(366*24*time.Hour) {
		return 0, s.in.refuse(e.line, fmt.Sprintf("%s: %s=%q is no duration", e.name, attribute, v), "write it as in 10s, 500ms or 24h, at most a year")
	}
	return time.Duration(n * float64(unit)), nil
}

// addresses reads the VIPs, and how the network gets them to every node.
func (s *safekit) addresses(root *element) error {
	for n, i := range root.all("interface") {
		name := i.get("name")
		if n == 0 {
			s.iface = name
		} else if name == "" || name != s.iface {
			s.otherInterface(i)
		}
		if i.get("arpreroute") == "on" {
			s.note(i.line, "arpreroute", "the VIP is announced at every change of who answers for it, and now and then")
		}
	}
	if err := s.virtualAddresses(root); err != nil {
		return err
	}
	for _, e := range root.all("real_interface") {
		s.note(e.line, "real_interface", "a VIP on one node alone: use the address by itself, or a rule of mode single")
	}
	v := root.first("vip")
	if v.get("tcpreset") == "off" {
		no := false
		s.node.ResetOnStop = &no
	}
	if v.get("scriptcontrol") == "on" {
		s.note(v.line, "scriptcontrol=on", "is always so: traffic comes in when services are ready, and goes out before they stop")
	}
	return nil
}

// otherInterface notes what becomes of the VIPs of a further interface; without a name,
// SafeKit takes the one that is in their network.
func (s *safekit) otherInterface(i *element) {
	var vips []string
	for _, va := range i.all("virtual_addr") {
		vips = append(vips, va.get("addr"))
	}
	if len(vips) > 0 {
		s.note(i.line, strings.TrimSpace("interface "+i.get("name"))+" of "+strings.Join(vips, ", "),
			"the VIPs of a node are all on one interface, the first: for another network, run a second farm on this machine")
	}
}

func (s *safekit) virtualAddresses(root *element) error {
	for _, vi := range root.all("virtual_interface") {
		mode, mac := "", vi.get("addr")
		switch t := vi.get("type"); t {
		case "vmac_invisible", "":
		case "vmac_directed":
			mode, mac = "directed", ""
		default:
			return s.in.refuse(vi.line, fmt.Sprintf("virtual_interface: type %q is not known", t), "use vmac_invisible or vmac_directed")
		}
		for i, va := range vi.all("virtual_addr") {
			if i > 0 && mac != "" {
				s.note(va.line, va.get("addr"), "has an Ethernet address of its own here: two VIPs never share one")
				mac = ""
			}
			if err := s.addVIP(va.line, va.get("addr"), mode, mac); err != nil {
				return err
			}
		}
	}
	return nil
}

// topology reads how soon a silent node is given up.
func (s *safekit) topology(root *element) {
	f := root.first("farm")
	if f.line != 0 {
		pulse, errPulse := s.duration(f, "pulse", time.Millisecond)
		lost, errLost := strconv.Atoi(f.or("mlost_count", "20"))
		if f.get("pulse") == "" {
			pulse, errPulse = 100*time.Millisecond, nil
		}
		if errPulse == nil && errLost == nil && pulse*time.Duration(lost) > 2*time.Second {
			s.profile = "lan"
		}
		if f.get("pulse") != "" || f.get("mlost_count") != "" || f.get("slost_count") != "" {
			s.note(f.line, "pulse, mlost_count, slost_count", "cluster.profile stands for all timings: fast notices a lost node within 0.7 s, lan within 1.2 s")
		}
	}
	for i, l := range f.all("lan") {
		if i > 0 {
			s.note(l.line, "lan "+l.get("name"), "heartbeats go over the VIPs' own interface, and over the network of cluster.bind")
		}
	}
}

// others notes what is left.
func (s *safekit) others(root *element) {
	why := map[string]string{
		"failover":   "what a check does is its action; there is no language of rules",
		"rfs":        "nothing replicates files between nodes",
		"heart":      "heartbeats of a mirror; a farm's are in <farm>",
		"vhost":      "no name of a virtual host is given to the application",
		"splitbrain": "set cluster.partition: majority, where one side of a split farm must not serve",
	}
	for _, e := range root.all("failover", "rfs", "heart", "vhost", "splitbrain") {
		s.note(e.line, "<"+e.name+">", why[e.name])
	}
	known := []string{"safe", "service", "macro", "farm", "vip", "user", "errd", "check", "failover", "rfs", "heart", "vhost"}
	for _, top := range root.children {
		list := []*element{top}
		if top.name == "safe" || top.name == "service" {
			list = append(list, top.children...)
		}
		for _, sv := range top.children {
			if sv.name == "service" {
				list = append(list, sv.children...)
			}
		}
		for _, e := range list {
			if !slices.Contains(known, e.name) {
				s.note(e.line, "<"+e.name+">", "is not known")
			}
		}
	}
}
