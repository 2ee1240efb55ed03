package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"thresher/config"
	"thresher/deploy/modules"
)

func newModule() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "module",
		Short: "Configurations for common servers: rules, services, checks, sysctls",
		Long: "Configurations for common servers: rules, services, checks, sysctls. Modules of your\n" +
			"own are directories in " + modules.Own + "; `thresher module show generic` says how.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), &usageError{errors.New("no command given")})
		},
	}
	own := cmd.PersistentFlags().String("modules", modules.Own, "where modules of your own are")
	cmd.AddCommand(withJSON(newModuleList(own)), withJSON(newModuleShow(own)), newModuleInit(own), newModuleInstall(own))
	return cmd
}

func newModuleList(own *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the modules",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := modules.All(*own)
			if err != nil {
				return err
			}
			list := []shownModule{}
			var text strings.Builder
			w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
			for _, m := range all {
				list = append(list, shownModule{Name: m.Name, Summary: m.Summary, Dir: m.Dir})
				fmt.Fprintf(w, "%s\t%s", m.Name, m.Summary)
				if m.Dir != "" {
					fmt.Fprintf(w, " (%s)", m.Dir)
				}
				fmt.Fprintln(w)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			return show(cmd, list, text.String())
		},
	}
}

func newModuleShow(own *string) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show a module's page, and what it needs",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := modules.Find(*own, args[0])
			if err != nil {
				return &usageError{err}
			}
			return show(cmd, newShownModule(m), moduleText(m))
		},
	}
}

// shownModule is a module, for programs; list leaves out all but the first three.
type shownModule struct {
	Name     string          `json:"name"`
	Summary  string          `json:"summary"`
	Dir      string          `json:"dir,omitempty"` // of one of the operator's own
	Page     string          `json:"page,omitempty"`
	Packages []string        `json:"packages,omitempty"`
	Settings []moduleSetting `json:"settings,omitempty"`
}

type moduleSetting struct {
	Name  string  `json:"name"`
	About string  `json:"about"`
	Value *string `json:"value"` // null if one must be given
}

func newShownModule(m *modules.Module) shownModule {
	shown := shownModule{Name: m.Name, Summary: m.Summary, Dir: m.Dir, Page: m.Page, Packages: m.Packages}
	for _, s := range m.Settings {
		shown.Settings = append(shown.Settings, moduleSetting(s))
	}
	return shown
}

func moduleText(m *modules.Module) string {
	var b strings.Builder
	b.WriteString(m.Page)
	if len(m.Packages) > 0 {
		fmt.Fprintf(&b, "\nDebian's packages: %s\n", strings.Join(m.Packages, " "))
	}
	if len(m.Settings) > 0 {
		b.WriteString("\nSettings (--set NAME=VALUE):\n")
	}
	for _, s := range m.Settings {
		fmt.Fprintf(&b, "  %s: %s", s.Name, s.About)
		if s.Value != nil {
			fmt.Fprintf(&b, " (%s)", *s.Value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// moduleFlags are what a module can't know of a node.
type moduleFlags struct {
	name, nic, bind, keyFile, path string
	vips, join, set                []string
	insecure                       bool
	open                           bool // the shared address is left open
}

func (f *moduleFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "node", "", "the node's name; the host's if left out")
	cmd.Flags().StringVar(&f.nic, "interface", "", "the network interface of the VIPs (default: the one in their network)")
	cmd.Flags().StringSliceVar(&f.vips, "vip", nil, "the shared address; several separated by commas")
	cmd.Flags().StringVar(&f.bind, "bind", "", "this node's own address (default: the interface's)")
	cmd.Flags().StringSliceVar(&f.join, "join", nil, "all nodes' own addresses, separated by commas")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "/etc/thresher/key", "the farm's secrets")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "a farm without secrets")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "a setting of the module, as NAME=VALUE; may be given several times")
}

// node reads the flags.
func (f *moduleFlags) node(module string) (n modules.Node, settings map[string]string, err error) {
	n = modules.Node{Name: f.name, Interface: f.nic, Join: f.join, KeyFile: f.keyFile, Dir: "/etc/thresher/" + module}
	if f.insecure {
		n.KeyFile = ""
	}
	if len(f.vips) == 0 {
		return n, nil, &usageError{errors.New("--vip is needed: give the address that the farm shares, which no machine has, such as --vip 192.0.2.100")}
	}
	for _, text := range f.vips {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return n, nil, &usageError{fmt.Errorf("--vip: %q is no IP address: write it as in 192.0.2.100", text)}
		}
		n.VIPs = append(n.VIPs, addr)
	}
	if err := f.find(n.VIPs[0]); err != nil {
		return n, nil, err
	}
	n.Interface = f.nic
	if n.Bind, err = netip.ParseAddr(f.bind); err != nil {
		return n, nil, &usageError{fmt.Errorf("--bind: %q is no IP address: give this node's own, as in 192.0.2.11", f.bind)}
	}
	settings = make(map[string]string)
	for _, text := range f.set {
		name, value, said := strings.Cut(text, "=")
		if !said {
			return n, nil, &usageError{fmt.Errorf("--set: %q has no value: write it as NAME=VALUE", text)}
		}
		settings[name] = value
	}
	return n, settings, nil
}

// find takes the interface and this node's address, where they were not given, from
// what this machine has in the VIP's network.
func (f *moduleFlags) find(vip netip.Addr) error {
	if f.nic != "" && f.bind != "" {
		return nil
	}
	if f.open {
		vip = sourceAddress()
	}
	p := place{iface: f.nic, bind: f.bind}
	if err := p.find(vip); err != nil {
		return err
	}
	f.nic, f.bind = p.iface, p.bind
	return nil
}

// sourceAddress is this machine's own on its default route; the zero address if it
// has none. A connected UDP socket sends nothing (udp(7)).
func sourceAddress() netip.Addr {
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
}

// A shared address that nobody could be asked for is left open in what init prints:
// standIn is rendered, and openVIP written in its place, which check refuses.
const (
	standIn = "192.0.2.254" // for documentation (RFC 5737)
	openVIP = "SHARED-ADDRESS"
)

// ask asks for the shared address where somebody can answer, and else leaves it open.
func (f *moduleFlags) ask(cmd *cobra.Command) error {
	if len(f.vips) > 0 {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		f.vips, f.open = []string{standIn}, true
		return nil
	}
	fmt.Fprint(cmd.ErrOrStderr(), "Shared address (VIP), which no machine has: ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	f.vips = strings.Split(strings.TrimSpace(line), ",")
	return nil
}

// text is the configuration as it is printed.
func (f *moduleFlags) text(config string) string {
	if !f.open {
		return config
	}
	return "# " + openVIP + " is left open: write the address that the farm shares, which no machine has.\n# Until then, `thresher check` refuses this file.\n" +
		strings.ReplaceAll(config, standIn, openVIP)
}

// render makes a module's files for the node, and has the configuration read.
func (f *moduleFlags) render(own, module string) (*modules.Module, *modules.Rendered, error) {
	m, err := modules.Find(own, module)
	if err != nil {
		return nil, nil, &usageError{err}
	}
	n, settings, err := f.node(module)
	if err != nil {
		return nil, nil, err
	}
	r, err := m.Render(n, settings)
	if err != nil {
		return nil, nil, &usageError{err}
	}
	// The key file may be made later.
	n.KeyFile = ""
	open, err := m.Render(n, settings)
	if err == nil {
		_, err = config.Parse("module "+module, []byte(open.Config), config.Options{Env: []string{}})
	}
	if err != nil {
		return nil, nil, &usageError{err}
	}
	return m, r, nil
}

func newModuleInit(own *string) *cobra.Command {
	var f moduleFlags
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Print a configuration made of a module",
		Long: "Print a configuration made of a module. Interface and own address are those in the\n" +
			"shared address's network unless they are given; a shared address that is not given\n" +
			"is asked for on a terminal, and else left open for you to write.",
		Example: "  thresher module init nginx --interface eth0 --vip 192.0.2.100 --bind 192.0.2.11 --join 192.0.2.11,192.0.2.12",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.ask(cmd); err != nil {
				return err
			}
			_, r, err := f.render(*own, args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), f.text(r.Config))
			return err
		},
	}
	f.add(cmd)
	return cmd
}

func newModuleInstall(own *string) *cobra.Command {
	var f moduleFlags
	var root string
	var force bool
	cmd := &cobra.Command{
		Use:   "install NAME",
		Short: "Write a module's configuration, sysctls and other files",
		Long: "Write a configuration made of a module, its sysctls and its other files. Nothing is\n" +
			"started, and what is there already is left alone unless --force is given.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, r, err := f.render(*own, args[0])
			if err != nil {
				return err
			}
			if missing := m.Missing(r, root); len(missing) > 0 {
				return errors.Join(missing...)
			}
			files := m.Written(r, f.path, "/etc/thresher/"+m.Name)
			if err := modules.Install(root, files, force); err != nil {
				return err
			}
			for _, file := range files {
				fmt.Fprintln(cmd.OutOrStdout(), "wrote", file.Path)
			}
			if _, err := os.Stat(f.keyFile); err != nil && !f.insecure {
				fmt.Fprintf(cmd.OutOrStdout(), "next: thresher key %s, once for all nodes\n", f.keyFile)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "next: sysctl --system; thresher check --config %s\n", f.path)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.path, "config", "/etc/thresher/thresher.yaml", "where the configuration goes")
	cmd.Flags().StringVar(&root, "root", "/", "below which all this is")
	cmd.Flags().BoolVar(&force, "force", false, "replace what is there")
	return cmd
}
