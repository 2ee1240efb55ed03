package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/console"
	"thresher/console/bundle"
	"thresher/health"
)

func newReport(api *string) *cobra.Command {
	var file string
	var anonymise bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write what somebody who helps wants to know into one archive",
		Long: "Write one archive of what somebody who helps wants to know: the configurations,\n" +
			"what every node says of itself, its events and its traffic, and this machine's\n" +
			"kernel, driver, addresses, routes, neighbours, settings of its network and the last\n" +
			"of its daemon's log. The farm's key, users and what files named in a configuration\n" +
			"hold are not in it. Of the configurations, comments, commands' arguments and\n" +
			"environments, webhooks' URLs, other URLs' passwords and queries, headers and what\n" +
			"checks send are left out. What a check or a hook has printed is in the events and\n" +
			"in the log as it is.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				file = reportName(time.Now())
			}
			return withClient(*api, func(c *console.Client) error {
				var r support
				r.gather(cmd.Context(), c)
				var masks *bundle.Masks
				if anonymise {
					masks = bundle.NewMasks(r.names)
				}
				if err := r.write(file, masks); err != nil {
					return err
				}
				return show(cmd, struct {
					File string `json:"file"`
				}{file}, fmt.Sprintf("wrote %s: look through it before you hand it on\n", file))
			})
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "the file to write (default: thresher-report-TIME.tar.gz)")
	cmd.Flags().BoolVar(&anonymise, "anonymise", false, "put stand-ins in the place of machines' names and all addresses")
	return cmd
}

// reportName is another one for each report of a machine.
func reportName(now time.Time) string {
	return "thresher-report-" + now.UTC().Format("20060102-150405.000") + ".tar.gz"
}

// support is what has been gathered. What can't be had is said in it.
type support struct {
	files    []bundle.File
	names    []string
	problems []string
}

func (r *support) add(name string, v any, err error) {
	if err != nil {
		r.problems = append(r.problems, name+": "+err.Error())
		return
	}
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		r.problems = append(r.problems, name+": "+err.Error())
		return
	}
	r.files = append(r.files, bundle.File{Name: name, Text: append(text, '\n')})
}

func (r *support) gather(ctx context.Context, c *console.Client) {
	host, _ := os.Hostname()
	r.names = []string{host}
	info, _ := debug.ReadBuildInfo()
	r.files = append(r.files, bundle.File{Name: "version.txt", Text: []byte(versionText(release, info) + "\n")})
	farm, err := c.Farm(ctx)
	r.add("farm.json", farm, err)
	own, err := c.Status(ctx)
	r.add("status.json", own, err)
	for _, n := range farm.Nodes {
		r.names = append(r.names, n.Name)
		r.ofNode(ctx, c, n.Name)
	}
	if text, err := c.Configuration(ctx, ""); err == nil {
		if cfg, err := config.Parse(text.File, []byte(text.Text), config.Options{}); err == nil && len(cfg.VIPs) > 0 {
			facts, err := health.Inspect(cfg.Interface)
			r.add("machine.json", facts, err)
			r.add("findings.json", facts.Findings(cfg.Datapath.XDP), nil)
		}
	}
	for _, name := range []string{"/proc/version", "/proc/meminfo", "/proc/loadavg", "/proc/net/softnet_stat", "/proc/net/dev", "/proc/interrupts"} {
		text, err := os.ReadFile(name)
		if err != nil {
			r.problems = append(r.problems, err.Error())
			continue
		}
		r.files = append(r.files, bundle.File{Name: strings.ReplaceAll(name[1:], "/", "-"), Text: text})
	}
	r.ofMachine(ctx)
	r.files = append(r.files, bundle.File{Name: "problems.txt", Text: []byte(strings.Join(r.problems, "\n") + "\n")})
}

// ofNode asks for what a node knows besides its status.
func (r *support) ofNode(ctx context.Context, c *console.Client, node string) {
	text, err := c.Configuration(ctx, node)
	if err != nil {
		r.problems = append(r.problems, "config-"+node+": "+err.Error())
	} else {
		r.files = append(r.files, bundle.File{Name: "config-" + node + ".yaml", Text: config.Redact([]byte(text.Text))})
	}
	events, err := c.EventsOf(ctx, node)
	r.add("events-"+node+".json", events, err)
	traffic, err := c.TrafficOf(ctx, node)
	r.add("traffic-"+node+".json", traffic, err)
	trial, err := c.Trial(ctx, node)
	r.add("trial-"+node+".json", trial, err)
}

// write writes the archive for its owner alone, and never over another file.
func (r *support) write(file string, masks *bundle.Masks) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := errors.Join(bundle.Write(f, time.Now(), r.files, masks), f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}
