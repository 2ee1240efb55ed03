package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/deploy"
	"thresher/health"
	"thresher/internal/wholefile"
)

// place is where a machine's first files go, and what of them is the machine's own.
type place struct {
	config, key, users string
	runDir, stateDir   string
	node, iface, bind  string
	run                bool
}

func (p *place) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.config, "config", "/etc/thresher/thresher.yaml", "the configuration file to write")
	f.StringVar(&p.key, "key", "", "the key file to write (default: key beside the configuration)")
	f.StringVar(&p.users, "users", "", "the file of users to write (default: users beside the configuration)")
	f.StringVar(&p.node, "node", "", "this machine's name in the farm (default: the host name)")
	f.StringVar(&p.iface, "interface", "", "the network interface on which the VIPs are")
	f.StringVar(&p.bind, "bind", "", "this machine's own address for heartbeats, with port if it is not 7946; several networks' by commas")
	f.StringVar(&p.runDir, "run-dir", "", "for what must not outlive a boot (default /run/thresher)")
	f.StringVar(&p.stateDir, "state-dir", "", "for what must outlive a boot (default /var/lib/thresher)")
	f.BoolVar(&p.run, "run", false, "then run this machine's node, as thresher run does")
}

// complete finds what was not given. near is an address in the network that the
// interface is in.
func (p *place) complete(near netip.Addr) error {
	dir := filepath.Dir(p.config)
	p.key, p.users = cmp.Or(p.key, filepath.Join(dir, "key")), cmp.Or(p.users, filepath.Join(dir, "users"))
	// The configuration names them, and would look for relative ones beside itself.
	for _, path := range []*string{&p.key, &p.users} {
		whole, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("find %s: %w", *path, err)
		}
		*path = whole
	}
	if p.node == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("this machine has no host name (%w): give the node's by --node", err)
		}
		p.node, _, _ = strings.Cut(host, ".")
	}
	if err := config.CheckNode(p.node); err != nil {
		return &usageError{fmt.Errorf("--node: %w", err)}
	}
	if p.iface != "" {
		if problem, cure := health.FindInterface(p.iface); problem != "" {
			return &usageError{fmt.Errorf("--interface: %s; %s", problem, cure)}
		}
	}
	if p.bind == "" || p.iface == "" {
		if err := p.find(near); err != nil {
			return err
		}
	}
	if _, err := p.addresses(); err != nil {
		return err
	}
	for _, path := range []string{p.config, p.key} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) && p.example(path) == nil {
			return fmt.Errorf("%s is there already: this machine has been set up before; remove it, or name another file", path)
		}
	}
	return nil
}

// example is what may be written over at a path: the configuration that a package has put
// there; nil if anything else is there, or nothing.
func (p *place) example(path string) []byte {
	text, err := os.ReadFile(path)
	if path != p.config || err != nil || !deploy.IsExample(text) {
		return nil
	}
	return text
}

// addresses are those for heartbeats, one for each network.
func (p *place) addresses() (list []netip.AddrPort, err error) {
	for text := range strings.SplitSeq(p.bind, ",") {
		at, err := readBind(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(a netip.AddrPort) bool { return a.Addr() == at.Addr() }) {
			return nil, &usageError{fmt.Errorf("--bind %q: %v stands twice; give this machine's address on each heartbeat network once", p.bind, at.Addr())}
		}
		list = append(list, at)
	}
	if len(list) > config.MaxNetworks {
		return nil, &usageError{fmt.Errorf("--bind %q: %d heartbeat networks are too many; name %d at most", p.bind, len(list), config.MaxNetworks)}
	}
	return list, nil
}

func readBind(text string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), config.DefaultPort), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil || at.Port() == 0 {
		return at, &usageError{fmt.Errorf("--bind %q: give an address of this machine, such as 192.0.2.11 or 192.0.2.11:7946", text)}
	}
	return at, nil
}

// link is an interface of this machine, with its addresses that others can send to.
type link struct {
	name     string
	prefixes []netip.Prefix
}

// ownLinks are this machine's interfaces.
func ownLinks() (links []link, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	for _, one := range all {
		links = append(links, link{one.Name, prefixes(one)})
	}
	return links, nil
}

// find takes the interface and the address that were not given, of this machine's.
func (p *place) find(near netip.Addr) error {
	links, err := ownLinks()
	if err != nil {
		return err
	}
	return p.pick(links, near)
}

// pick takes the interface, and the address on it, whose network has near in it; of
// an interface that was given, its first address will do; of addresses that were given,
// the first one's interface.
func (p *place) pick(links []link, near netip.Addr) error {
	var given netip.Addr
	if p.bind != "" {
		list, err := p.addresses()
		if err != nil {
			return err
		}
		given = list[0].Addr()
	}
	for _, one := range links {
		if p.iface != "" && one.name != p.iface {
			continue
		}
		for _, prefix := range one.prefixes {
			if given.IsValid() && prefix.Addr() != given || !given.IsValid() && p.iface == "" && !prefix.Contains(near) {
				continue
			}
			p.iface, p.bind = one.name, cmp.Or(p.bind, prefix.Addr().String())
			return nil
		}
	}
	switch {
	case p.iface != "":
		return &usageError{fmt.Errorf("interface %s has no address for heartbeats: give one by --bind", p.iface)}
	case given.IsValid():
		return &usageError{fmt.Errorf("--bind %s: no interface of this machine has %v: name the VIPs' by --interface", p.bind, given)}
	}
	return &usageError{fmt.Errorf("no interface is in the network of %v: name one by --interface, and this machine's address by --bind", near)}
}

// prefixes are an interface's addresses that others can send to.
func prefixes(one net.Interface) (list []netip.Prefix) {
	addrs, err := one.Addrs()
	if err != nil || one.Flags&net.FlagLoopback != 0 {
		return nil
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && !p.Addr().IsLinkLocalUnicast() && p.Bits() < p.Addr().BitLen() {
			list = append(list, p)
		}
	}
	return list
}

// write writes the files, the configuration last: with it, the machine is set up.
// Nothing of it stays if the configuration turns out to be wrong: a package's example is
// there again.
func (p *place) write(text, keys, users []byte) (err error) {
	var undo []func() error
	defer func() {
		for _, one := range undo {
			if err != nil {
				err = errors.Join(err, one())
			}
		}
	}()
	for _, one := range []struct {
		path string
		text []byte
	}{{p.key, keys}, {p.users, users}, {p.config, text}} {
		if one.text == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(one.path), 0o755); err != nil {
			return err
		}
		back, err := p.writeOne(one.path, one.text)
		if err != nil {
			return err
		}
		undo = append(undo, back)
	}
	_, err = p.flags().loadForThisMachine()
	return err
}

// writeOne makes a file, or puts it in a package's example's place, so that one of the
// two is there at each moment. back undoes it.
func (p *place) writeOne(path string, text []byte) (back func() error, err error) {
	if example := p.example(path); example != nil {
		return func() error { return wholefile.Replace(path, example, 0o600) }, wholefile.Replace(path, text, 0o600)
	}
	return func() error { return os.Remove(path) }, wholefile.Create(path, text)
}

func (p *place) flags() *configFlags { return &configFlags{path: p.config} }

// setUp is what was written, for programs.
type setUp struct {
	Node      string           `json:"node"`
	Interface string           `json:"interface"`
	Bind      []netip.AddrPort `json:"bind"`
	Config    string           `json:"config"`
	Key       string           `json:"key"`
}

func (p *place) written(binds []netip.AddrPort) setUp {
	return setUp{p.node, p.iface, binds, p.config, p.key}
}

// finish runs the node, if that is wanted.
func (p *place) finish(cmd *cobra.Command) error {
	if !p.run {
		if wantsJSON(cmd) {
			return nil
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "Check this machine:  thresher check --config %s\nRun the node:        thresher run --config %s\n", p.config, p.config)
		return err
	}
	return p.flags().run(cmd, []string{os.Args[0], "run", "--config", p.config}, false)
}
