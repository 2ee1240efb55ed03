package modules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Node is what a module can't know: where it runs.
type Node struct {
	Name      string // of the node; empty for the host's
	Interface string
	VIPs      []netip.Addr
	Bind      netip.Addr
	Join      []string
	KeyFile   string // empty for a farm without encryption
	Dir       string // where the module's own files go
}

// given are the settings that every module has.
var given = []string{"vip", "interface", "dir"}

// Rendered is a module for one node.
type Rendered struct {
	// Config is the whole configuration.
	Config string
	// Sysctl is for /etc/sysctl.d; empty if there is none.
	Sysctl string
	// Units and Programs must be there.
	Units, Programs []string
	// Files go to the node's Dir, by name.
	Files map[string]string
}

// Render fills a module in.
func (m *Module) Render(n Node, settings map[string]string) (*Rendered, error) {
	values, err := m.values(n, settings)
	if err != nil {
		return nil, err
	}
	r := &Rendered{Sysctl: m.sysctl, Programs: m.Programs, Files: make(map[string]string)}
	body, err := expand(m.config, values)
	if err != nil {
		return nil, fmt.Errorf("%s/%s:%w", m.Name, configFile, err)
	}
	r.Config = head(m, n) + body
	for name, text := range m.files {
		if r.Files[name], err = expand(text, values); err != nil {
			return nil, fmt.Errorf("%s/%s:%w", m.Name, name, err)
		}
	}
	for _, u := range m.Units {
		u, err := expand(u, values)
		if err != nil {
			return nil, fmt.Errorf("%s/%s: units:%w", m.Name, descriptionFile, err)
		}
		r.Units = append(r.Units, u)
	}
	return r, nil
}

// values are the settings as they hold.
func (m *Module) values(n Node, settings map[string]string) (map[string]string, error) {
	values := map[string]string{"interface": n.Interface, "dir": n.Dir}
	if len(n.VIPs) > 0 {
		values["vip"] = n.VIPs[0].String()
	}
	for _, s := range m.Settings {
		value, said := settings[s.Name]
		switch {
		case said && strings.ContainsAny(value, "\"\\\n\r\x00"):
			return nil, fmt.Errorf("setting %s: %q has a quote, a backslash or a line's end in it: leave them out", s.Name, value)
		case said:
			values[s.Name] = value
		case s.Value != nil:
			values[s.Name] = *s.Value
		default:
			return nil, fmt.Errorf("module %s needs %s: add --set %s=…", m.Name, s.About, s.Name)
		}
	}
	for name := range settings {
		if !slices.ContainsFunc(m.Settings, func(s Setting) bool { return s.Name == name }) {
			return nil, fmt.Errorf("module %s has no setting %q: see `thresher module show %s`", m.Name, name, m.Name)
		}
	}
	return values, nil
}

// expand puts values in the place of ${name}. Any other dollar stays what it is.
func expand(text string, values map[string]string) (string, error) {
	var b strings.Builder
	for line, rest := 1, text; ; {
		before, after, found := strings.Cut(rest, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		line += strings.Count(before, "\n")
		name, after, closed := strings.Cut(after, "}")
		value, known := values[name]
		if !closed || !known {
			return "", fmt.Errorf("%d: ${%s} is no setting: add it to `settings` in %s", line, clip(name), descriptionFile)
		}
		b.WriteString(value)
		rest = after
	}
}

// clip keeps an error to one line.
func clip(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), 40)]
}

// head is the part of a configuration that is about the node and its farm.
func head(m *Module, n Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n# See `thresher module show %s`.\n", m.Name, m.Summary, m.Name)
	if n.Name != "" {
		fmt.Fprintf(&b, "node: {name: %s}\n", strconv.Quote(n.Name))
	}
	fmt.Fprintf(&b, "interface: %s\nvips:\n", strconv.Quote(n.Interface))
	for _, v := range n.VIPs {
		fmt.Fprintf(&b, "  - {address: %q, mode: flood}\n", v.String())
	}
	fmt.Fprintf(&b, "cluster:\n  bind: %q\n", netip.AddrPortFrom(n.Bind, gossipPort).String())
	if len(n.Join) > 0 {
		fmt.Fprintf(&b, "  # The same on all nodes.\n  join: [%s]\n", quoted(n.Join))
	}
	if n.KeyFile == "" {
		b.WriteString("  insecure: true\n")
	} else {
		fmt.Fprintf(&b, "  # `thresher key` makes it, once for all nodes.\n  key_file: %s\n", strconv.Quote(n.KeyFile))
	}
	return b.String()
}

// gossipPort is the default of cluster.bind.
const gossipPort = 7946

func quoted(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = strconv.Quote(w)
	}
	return strings.Join(all, ", ")
}
