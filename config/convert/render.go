package convert

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"thresher/config"
)

// document is the file that comes out.
type document struct {
	Node      *nodeSection   `yaml:"node,omitempty"`
	Interface string         `yaml:"interface"`
	VIPs      []vip          `yaml:"vips"`
	Rules     []rule         `yaml:"rules"`
	Default   string         `yaml:"default,omitempty"`
	Cluster   clusterSection `yaml:"cluster"`
	Services  []service      `yaml:"services,omitempty"`
	Checks    []check        `yaml:"checks,omitempty"`
}

type nodeSection struct {
	Name        string `yaml:"name,omitempty"`
	Boot        string `yaml:"boot,omitempty"`
	BootDelay   text   `yaml:"boot_delay,omitempty"`
	ResetOnStop *bool  `yaml:"reset_on_stop,omitempty"`
}

type clusterSection struct {
	Bind     netip.Addr   `yaml:"bind"`
	Join     []netip.Addr `yaml:"join,flow,omitempty"`
	KeyFile  string       `yaml:"key_file,omitempty"`
	Insecure bool         `yaml:"insecure,omitempty"`
	Profile  string       `yaml:"profile,omitempty"`
}

// finish writes the configuration, and reads it as the daemon will.
func (f *farm) finish(o Options) (Result, error) {
	if err := f.apply(o); err != nil {
		return Result{}, err
	}
	f.giveWay()
	if len(f.vips) == 0 {
		return Result{}, f.in.refuse(0, "has no shared address", "is it the right file?")
	}
	if len(f.rules) == 0 {
		return Result{}, f.in.refuse(0, "has nothing to serve", "is it the right file?")
	}
	if err := f.check(o); err != nil {
		return Result{}, err
	}
	data, err := f.render(o, clusterSection{KeyFile: cmp.Or(o.KeyFile, "/etc/thresher/key")})
	if err != nil {
		return Result{}, err
	}
	slices.SortStableFunc(f.notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	return Result{data, f.notes}, nil
}

func (f *farm) render(o Options, c clusterSection) ([]byte, error) {
	c.Bind, c.Join, c.Profile = f.bind, f.join, f.profile
	d := document{Interface: f.iface, VIPs: f.vips, Rules: f.rules, Default: f.other, Cluster: c, Services: f.services, Checks: f.checks}
	node := f.node
	node.Name = o.Node
	if node != (nodeSection{}) {
		d.Node = &node
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Made of %s.\n", f.title)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return b.Bytes(), nil
}

// check has config read what comes out, without the key, which need not be there
// yet. What it refuses is a place in the file that was read, if it can be told.
func (f *farm) check(o Options) error {
	data, err := f.render(o, clusterSection{Insecure: true})
	if err != nil {
		return err
	}
	_, err = config.Parse("", data, config.Options{Env: []string{}})
	var list config.Errors
	if !errors.As(err, &list) {
		return err
	}
	for _, e := range list {
		e.File, e.Line = f.in.Name, f.source(e.Key)
		e.Problem = "can't be converted: " + e.Problem
	}
	return list
}

var listKey = regexp.MustCompile(`^(vips|rules|services|checks)\[(\d+)\]`)

// source is the line in the file that was read that a key of what comes out was
// made of; 0 if there is none.
func (f *farm) source(key string) int {
	m := listKey.FindStringSubmatch(key)
	if m == nil {
		return 0
	}
	i, err := strconv.Atoi(m[2])
	line := func(n int, at func() int) int {
		if err != nil || i >= n {
			return 0
		}
		return at()
	}
	switch m[1] {
	case "vips":
		return line(len(f.vips), func() int { return f.vips[i].line })
	case "rules":
		return line(len(f.rules), func() int { return f.rules[i].line })
	case "services":
		return line(len(f.services), func() int { return f.services[i].line })
	}
	return line(len(f.checks), func() int { return f.checks[i].line })
}
