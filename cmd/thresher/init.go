package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"thresher/config"
	"thresher/console/setup"
	"thresher/health"
)

// initial is what init is told.
type initial struct {
	place
	vips     []string
	mode     string
	tcp, udp string
	service  string
	check    string
	hash     config.HashFunction
	web      string // where to ask in a browser; empty for not at all
}

func newInit() *cobra.Command {
	var i initial
	var hash string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up a farm's first node",
		Long: "Write the configuration and the key of a farm's first node. On a terminal it asks\n" +
			"for what was not given. The other machines then join with `thresher join` and a\n" +
			"token that `thresher invite` prints here.",
		Example: "  thresher init --vip 192.0.2.100 --tcp 80,443 --service nginx.service\n" +
			"  thresher init --web    # asks in a browser",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if i.hash, err = hashFunction(hash); err != nil {
				return err
			}
			if i.web != "" {
				return i.inBrowser(cmd)
			}
			if err := i.ask(cmd); err != nil {
				return err
			}
			return i.set(cmd)
		},
	}
	i.add(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&i.vips, "vip", nil, "a shared address that no machine has; several by commas")
	f.StringVar(&i.mode, "mode", "flood", "how every node gets the VIPs' frames: flood, multicast, igmp or directed (docs/network.md)")
	f.StringVar(&i.tcp, "tcp", "", "TCP ports that the farm serves, such as 80,443")
	f.StringVar(&i.udp, "udp", "", "UDP ports that the farm serves")
	f.StringVar(&i.service, "service", "", "a systemd unit that serves them, to be looked after")
	f.StringVar(&i.check, "check", "", "a URL that answers if this node can serve, such as http://127.0.0.1/")
	addHash(f, &hash)
	f.StringVar(&i.web, "web", "", "ask in a browser, by a page at this loopback address")
	f.Lookup("web").NoOptDefVal = "127.0.0.1:0"
	return cmd
}

// ask asks for what is needed and was not given, where somebody can answer.
func (i *initial) ask(cmd *cobra.Command) error {
	in, ok := cmd.InOrStdin().(*os.File)
	if len(i.vips) > 0 && i.tcp+i.udp != "" {
		return nil
	}
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return &usageError{errors.New("a farm needs a shared address and ports: give --vip 192.0.2.100 and --tcp 80")}
	}
	return i.questions(bufio.NewReader(in), cmd.ErrOrStderr())
}

// question is one that init asks, on a terminal or in a browser.
type question struct {
	setup.Question
	take func(answer string)
}

// asked are the questions, with what was given as the usual answers.
func (i *initial) asked() []question {
	host, _ := os.Hostname()
	host, _, _ = strings.Cut(host, ".")
	into := func(p *string) func(string) { return func(answer string) { *p = answer } }
	return []question{
		{setup.Question{Flag: "vip", Text: "Shared address (VIP), which no machine has", Usual: strings.Join(i.vips, ",")},
			func(answer string) { i.vips = strings.Split(answer, ",") }},
		{setup.Question{Flag: "tcp", Text: "TCP ports that the farm serves", Usual: cmp.Or(i.tcp, "80")}, into(&i.tcp)},
		{setup.Question{Flag: "udp", Text: "UDP ports that the farm serves", Usual: i.udp, Without: "none"}, into(&i.udp)},
		{setup.Question{Flag: "service", Text: "systemd unit that serves them", Usual: i.service, Without: "none"}, into(&i.service)},
		{setup.Question{Flag: "node", Text: "This machine's name in the farm", Usual: cmp.Or(i.node, host)}, into(&i.node)},
		{setup.Question{Flag: "interface", Text: "Interface", Usual: i.iface, Without: "the one in the shared address's network"}, into(&i.iface)},
		{setup.Question{Flag: "bind", Text: "This machine's address for heartbeats", Usual: i.bind, Without: "the interface's"}, into(&i.bind)},
	}
}

// questions asks them on a terminal.
func (i *initial) questions(in *bufio.Reader, out io.Writer) error {
	for _, q := range i.asked() {
		text, usual := q.Text, q.Usual
		if q.Without != "" {
			text, usual = text+", - for "+q.Without, cmp.Or(usual, "-")
		}
		fmt.Fprintf(out, "%s [%s]: ", text, usual)
		line, err := in.ReadString('\n')
		if err != nil && !(errors.Is(err, io.EOF) && line != "") {
			return fmt.Errorf("read the answer: %w", err)
		}
		answer := cmp.Or(strings.TrimSpace(line), usual)
		if answer == "-" {
			answer = ""
		}
		q.take(answer)
	}
	return nil
}

// set writes the files.
func (i *initial) set(cmd *cobra.Command) error {
	c, err := i.plan()
	if err != nil {
		return err
	}
	if err := i.put(c); err != nil {
		return err
	}
	return i.tell(cmd, c)
}

// tell says what was written and what comes next, and runs the node if that is wanted.
func (i *initial) tell(cmd *cobra.Command, c config.Initial) error {
	text := fmt.Sprintf("Wrote %s and %s: node %s on %s, heartbeats from %v.\n", i.config, i.key, c.Node, c.Interface, c.Bind) +
		"When it runs, have each other machine join:  thresher invite\n"
	err := show(cmd, i.written(append([]netip.AddrPort{c.Bind}, c.Further...)), text)
	i.warn(cmd)
	return errors.Join(err, i.finish(cmd))
}

// warn says who has the shared addresses already, if this machine can tell: a farm that
// is there is to be joined. Running the node says it in any case.
func (i *initial) warn(cmd *cobra.Command) {
	file := configFlags{path: i.config}
	cfg, err := file.load()
	if err != nil {
		return
	}
	facts, list, err := inspect(cfg)
	if err != nil {
		return
	}
	before := len(list)
	if list, err = withHolders(cmd.Context(), cfg, facts, list); err != nil {
		return
	}
	for _, f := range slices.Concat(facts.Places(cfg.VIPs), list[before:]) {
		fmt.Fprintln(cmd.ErrOrStderr(), f)
	}
}

// plan is the configuration by the answers, with what this machine has for the rest.
func (i *initial) plan() (config.Initial, error) {
	c, err := i.initial()
	if err != nil {
		return c, err
	}
	if err := i.complete(c.VIPs[0]); err != nil {
		return c, err
	}
	c.Node, c.Interface, c.KeyFile = i.node, i.iface, i.key
	binds, err := i.addresses()
	if err != nil {
		return c, err
	}
	c.Bind, c.Further = binds[0], binds[1:]
	links, err := ownLinks()
	if err != nil {
		return c, err
	}
	return c, shareable(c, links)
}

// shareable refuses shared addresses that are this machine's own, or no host's.
func shareable(c config.Initial, links []link) error {
	own := []netip.Addr{c.Bind.Addr()}
	for _, one := range links {
		for _, p := range one.prefixes {
			own = append(own, p.Addr())
		}
	}
	facts, err := health.Inspect(c.Interface)
	if err != nil {
		return err
	}
	var vips []config.VIP
	for _, vip := range c.VIPs {
		if slices.Contains(own, vip) {
			return &usageError{fmt.Errorf("--vip %v: this is an address of this machine; give one that no machine has", vip)}
		}
		vips = append(vips, config.VIP{Address: vip})
	}
	for _, f := range facts.Places(vips) {
		if f.Level == health.LevelError {
			return &usageError{fmt.Errorf("--vip: %s; %s", f.What, f.Cure)}
		}
	}
	return nil
}

// put writes the configuration, and a new key.
func (i *initial) put(c config.Initial) error {
	keys, err := makeKeys(i.hash)
	if err != nil {
		return err
	}
	return i.write(c.Text(), config.FormatKeys(keys), nil)
}

// initial reads the flags.
func (i *initial) initial() (c config.Initial, err error) {
	c = config.Initial{Mode: i.mode, Service: i.service, Check: i.check, RunDir: i.runDir, StateDir: i.stateDir}
	if i.service != "" && !strings.Contains(i.service, ".") {
		c.Service += ".service"
	}
	if i.tcp+i.udp == "" {
		return c, &usageError{errors.New("--tcp: give the ports that the farm serves, such as 80,443")}
	}
	if len(i.vips) == 0 {
		return c, &usageError{errors.New("--vip: give the address that the farm shares, such as 192.0.2.100")}
	}
	for _, text := range i.vips {
		addr, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil || addr.Zone() != "" {
			return c, &usageError{fmt.Errorf("--vip %q: give an address such as 192.0.2.100", text)}
		}
		c.VIPs = append(c.VIPs, addr.Unmap())
	}
	for _, one := range []struct {
		flag, text string
		into       *[]config.PortRange
	}{{"--tcp", i.tcp, &c.TCP}, {"--udp", i.udp, &c.UDP}} {
		if one.text == "" {
			continue
		}
		if *one.into, err = config.ReadPorts(one.text); err != nil {
			return c, &usageError{fmt.Errorf("%s: %w", one.flag, err)}
		}
	}
	return c, nil
}
