package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"thresher/config"
)

// initial is what init is told.
type initial struct {
	place
	vips     []string
	mode     string
	tcp, udp string
	service  string
	check    string
}

func newInit() *cobra.Command {
	var i initial
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up a farm's first node",
		Long: "Write the configuration and the key of a farm's first node. On a terminal it asks\n" +
			"for what was not given. The other machines then join with `thresher join` and a\n" +
			"token that `thresher invite` prints here.",
		Example: "  thresher init --vip 192.0.2.100 --tcp 80,443 --service nginx.service",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := i.ask(cmd); err != nil {
				return err
			}
			return i.set(cmd)
		},
	}
	i.add(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&i.vips, "vip", nil, "a shared address that no machine has; several by commas")
	f.StringVar(&i.mode, "mode", "flood", "how every node gets the VIPs' frames: flood, multicast or igmp (docs/network.md)")
	f.StringVar(&i.tcp, "tcp", "", "TCP ports that the farm serves, such as 80,443")
	f.StringVar(&i.udp, "udp", "", "UDP ports that the farm serves")
	f.StringVar(&i.service, "service", "", "a systemd unit that serves them, to be looked after")
	f.StringVar(&i.check, "check", "", "a URL that answers if this node can serve, such as http://127.0.0.1/")
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

func (i *initial) questions(in *bufio.Reader, out io.Writer) error {
	host, _ := os.Hostname()
	host, _, _ = strings.Cut(host, ".")
	var vips string
	for _, q := range []struct {
		text, usual string
		into        *string
	}{
		{"Shared address (VIP), which no machine has", strings.Join(i.vips, ","), &vips},
		{"TCP ports that the farm serves", cmp.Or(i.tcp, "80"), &i.tcp},
		{"UDP ports that the farm serves, - for none", cmp.Or(i.udp, "-"), &i.udp},
		{"systemd unit that serves them, - for none", cmp.Or(i.service, "-"), &i.service},
		{"This machine's name in the farm", cmp.Or(i.node, host), &i.node},
		{"Interface, - for the one in the shared address's network", cmp.Or(i.iface, "-"), &i.iface},
		{"This machine's address for heartbeats, - for the interface's", cmp.Or(i.bind, "-"), &i.bind},
	} {
		fmt.Fprintf(out, "%s [%s]: ", q.text, q.usual)
		line, err := in.ReadString('\n')
		if err != nil && !(errors.Is(err, io.EOF) && line != "") {
			return fmt.Errorf("read the answer: %w", err)
		}
		if *q.into = cmp.Or(strings.TrimSpace(line), q.usual); *q.into == "-" {
			*q.into = ""
		}
	}
	i.vips = strings.Split(vips, ",")
	return nil
}

// set writes the files.
func (i *initial) set(cmd *cobra.Command) error {
	c, err := i.initial()
	if err != nil {
		return err
	}
	if err := i.complete(c.VIPs[0]); err != nil {
		return err
	}
	c.Node, c.Interface, c.KeyFile = i.node, i.iface, i.key
	if c.Bind, err = i.address(); err != nil {
		return err
	}
	keys, err := config.NewKeys(rand.Reader)
	if err != nil {
		return err
	}
	if err := i.write(c.Text(), config.FormatKeys(keys), nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s and %s: node %s on %s, heartbeats from %v.\n", i.config, i.key, c.Node, c.Interface, c.Bind)
	if err == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "When it runs, have each other machine join:  thresher invite")
	}
	return errors.Join(err, i.finish(cmd))
}

// initial reads the flags.
func (i *initial) initial() (c config.Initial, err error) {
	c = config.Initial{Mode: i.mode, Service: i.service, Check: i.check, RunDir: i.runDir, StateDir: i.stateDir}
	if i.service != "" && !strings.Contains(i.service, ".") {
		c.Service += ".service"
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
