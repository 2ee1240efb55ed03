package main

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/spf13/cobra"

	"thresher/config/convert"
	"thresher/internal/wholefile"
)

// converters are the products that a configuration can come from.
func converters() []*cobra.Command {
	return []*cobra.Command{
		newConverter("safekit", "a farm module of SafeKit: userconfig.xml, or a .safe file", convert.SafeKit),
		newConverter("nlb", "Microsoft NLB: what nlb params, or Get-NlbCluster, Get-NlbClusterVip and Get-NlbClusterPortRule print", convert.NLB),
		newConverter("clusterip", "CLUSTERIP: what iptables-save prints, or Pacemaker with a cloned IPaddr2", convert.ClusterIP),
		newConverter("keepalived", "keepalived.conf: its virtual servers", convert.Keepalived),
	}
}

func newConvert() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "convert",
		Short: "Make a configuration of another product's",
		Long: "Make a node's configuration of another product's, and print it. What has no\n" +
			"counterpart is listed on standard error, with the line in the file and why.",
		Args: noSuchConverter,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{fmt.Errorf("say what to convert: safekit, nlb, clusterip or keepalived; see %s --help", cmd.CommandPath())}
		},
	}
	for _, one := range converters() {
		cmd.AddCommand(withJSON(one))
	}
	return cmd
}

func noSuchConverter(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Errorf("nothing converts %q; use safekit, nlb, clusterip or keepalived", args[0])}
}

func newConverter(name, what string, read func(convert.Input, convert.Options) (convert.Result, error)) *cobra.Command {
	var o converterFlags
	cmd := &cobra.Command{
		Use:   name + " FILE",
		Short: "Convert " + what,
		Long: "Convert " + what + ".\n\n" +
			"The file - is standard input. What the file does not say is asked for.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := o.options()
			if err != nil {
				return &usageError{err}
			}
			in, err := readInput(cmd.InOrStdin(), args[0])
			if err != nil {
				return &usageError{err}
			}
			result, err := read(in, options)
			if err != nil {
				return &usageError{err}
			}
			if wantsJSON(cmd) {
				return show(cmd, newConverted(result), "")
			}
			if _, err := cmd.OutOrStdout().Write(result.YAML); err != nil {
				return err
			}
			return writeNotes(cmd.ErrOrStderr(), in.Name, result.Notes)
		},
	}
	o.add(cmd)
	return cmd
}

// converted is a configuration that was made of another product's, for programs.
type converted struct {
	Config string          `json:"config"`
	Notes  []convertedNote `json:"notes"`
}

// convertedNote is what has no counterpart, at a line of the file; 0 is all of it.
type convertedNote struct {
	Line int    `json:"line"`
	What string `json:"what"`
	Why  string `json:"why"`
}

func newConverted(r convert.Result) converted {
	c := converted{string(r.YAML), []convertedNote{}}
	for _, n := range r.Notes {
		c.Notes = append(c.Notes, convertedNote(n))
	}
	return c
}

// converterFlags are what the file to convert may not say.
type converterFlags struct {
	node, iface, bind, keyFile string
	join                       []string
}

func (o *converterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.node, "node", "", "the node that the configuration is for")
	cmd.Flags().StringVar(&o.iface, "interface", "", "the VIPs' network interface")
	cmd.Flags().StringVar(&o.bind, "bind", "", "the node's own `address`")
	cmd.Flags().StringSliceVar(&o.join, "join", nil, "the other nodes' `addresses`, with commas between")
	cmd.Flags().StringVar(&o.keyFile, "key-file", "/etc/thresher/key", "where the farm's key will be")
}

func (o *converterFlags) options() (convert.Options, error) {
	options := convert.Options{Node: o.node, Interface: o.iface, KeyFile: o.keyFile}
	var err error
	if o.bind != "" {
		if options.Bind, err = netip.ParseAddr(o.bind); err != nil {
			return options, fmt.Errorf("flag --bind: %q is no IP address; write it as in --bind 192.0.2.11", o.bind)
		}
	}
	for _, text := range o.join {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return options, fmt.Errorf("flag --join: %q is no IP address; write it as in --join 192.0.2.12,192.0.2.13", text)
		}
		options.Join = append(options.Join, addr)
	}
	return options, nil
}

// readInput reads a file, or standard input for "-".
func readInput(stdin io.Reader, name string) (convert.Input, error) {
	in := convert.Input{Name: name}
	from := stdin
	if name != "-" {
		f, err := wholefile.Open(name)
		if err != nil {
			return in, fmt.Errorf("%w; name the other product's file, or - for standard input", err)
		}
		defer f.Close()
		from = f
	}
	var err error
	if in.Data, err = io.ReadAll(io.LimitReader(from, convert.MaxInput+1)); err != nil {
		return in, fmt.Errorf("read %s: %w", name, err)
	}
	return in, nil
}

// writeNotes lists what has no counterpart, as compilers list their warnings.
func writeNotes(to io.Writer, name string, notes []convert.Note) error {
	for _, n := range notes {
		where := name
		if n.Line > 0 {
			where = fmt.Sprintf("%s:%d", name, n.Line)
		}
		if _, err := fmt.Fprintf(to, "%s: %s: %s\n", where, n.What, n.Why); err != nil {
			return err
		}
	}
	return nil
}
