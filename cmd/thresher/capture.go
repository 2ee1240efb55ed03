package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"thresher/console"
	"thresher/console/pcapng"
)

func newCapture(api *string) *cobra.Command {
	c := capturing{}
	var client string
	cmd := &cobra.Command{
		Use:   "capture -w FILE",
		Short: "Write VIP packets, with what became of each and why, for tshark or Wireshark",
		Long: "Write copies of the packets for VIPs that come to this node as pcapng, each with a\n" +
			"comment: verdict, reason, rule, bucket and the bucket's owner. They are samples: the\n" +
			"first of each 50 ms, as many as --rate allows, so that no packet is ever slowed down\n" +
			"much. Ends with Ctrl-C, and then says what is missing.",
		Example: "  thresher capture -w web.pcapng --rule web --for 10s\n" +
			"  thresher capture -w - --verdict drop | tshark -r - -T fields -e ip.src -e frame.comment",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := c.check(client); err != nil {
				return &usageError{err}
			}
			return withClient(*api, func(client *console.Client) error { return c.run(cmd, client) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&c.file, "write", "w", "", "the file to write; - for standard output")
	f.StringVar(&c.options.Verdict, "verdict", "", "only packets with this verdict: pass, drop, forward, hold; or ask, for what the kernel program left to the pipeline")
	f.StringVar(&c.options.Reason, "reason", "", "only packets counted under this name, such as unknown_flow")
	f.StringVar(&c.options.Rule, "rule", "", "only TCP and UDP packets of this rule")
	f.StringVar(&client, "client", "", "only packets from this address or network, such as 192.0.2.0/24")
	f.IntVar(&c.count, "count", 0, "end after so many packets")
	f.DurationVar(&c.length, "for", 0, "end after so long, such as 10s")
	f.IntVar(&c.options.Rate, "rate", console.DefaultCaptureRate, "most packets a second, of the kernel program and of the pipeline each")
	f.IntVar(&c.options.Snap, "snap", console.MaxCaptureSnap, "most bytes of a packet")
	return cmd
}

// capturing is what the command was told, and how far it is.
type capturing struct {
	options console.CaptureOptions
	file    string
	count   int
	length  time.Duration

	written int
}

func (c *capturing) check(client string) (err error) {
	switch {
	case c.file == "":
		return errors.New("no file given: add -w FILE, or -w - for standard output")
	case c.count < 0 || c.length < 0:
		return errors.New("--count and --for: give how many and how long, or leave them out to end with Ctrl-C")
	}
	if client != "" {
		c.options.Client, err = console.ParseNetwork(client)
	}
	return err
}

// errEnough ends a capture that has as many packets as were asked for.
var errEnough = errors.New("as many packets as were asked for")

// run captures until it is interrupted, or has what it was asked for. The file is
// made only when the daemon has begun.
func (c *capturing) run(cmd *cobra.Command, client *console.Client) error {
	ctx := cmd.Context()
	if c.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.length)
		defer cancel()
	}
	var out io.WriteCloser
	stats, err := client.Capture(ctx, c.options, func(b pcapng.Block) (err error) {
		if out == nil {
			if out, err = c.open(cmd); err != nil {
				return err
			}
		}
		return c.write(out, b)
	})
	if out == nil {
		return err
	}
	if ctx.Err() != nil || errors.Is(err, errEnough) {
		err = nil
	}
	_, told := io.WriteString(cmd.ErrOrStderr(), c.summary(stats))
	return errors.Join(err, out.Close(), told)
}

// open opens the file for its owner alone: packets have what people say.
func (c *capturing) open(cmd *cobra.Command) (io.WriteCloser, error) {
	if c.file == "-" {
		return stdout{cmd.OutOrStdout()}, nil
	}
	f, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write the capture: %w; name a file in a directory that is there and can be written, or -w - for standard output", err)
	}
	if err := ownersAlone(f); err != nil {
		return nil, errors.Join(fmt.Errorf("write the capture: %w", err), f.Close())
	}
	return f, nil
}

// ownersAlone takes from others what a file that was there before has given them; a
// pipe or a device stays as it is.
func ownersAlone(f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return f.Chmod(0o600)
}

// stdout is not this command's to close.
type stdout struct{ io.Writer }

func (stdout) Close() error { return nil }

// write writes whole blocks, so that the file can be read whenever this ends.
func (c *capturing) write(out io.Writer, b pcapng.Block) error {
	if _, err := out.Write(b); err != nil {
		return fmt.Errorf("write the capture: %w", err)
	}
	if b.IsPacket() {
		c.written++
	}
	if c.count > 0 && c.written >= c.count {
		return errEnough
	}
	return nil
}

// summary says what was written, and what is missing.
func (c *capturing) summary(s console.CaptureStats) string {
	text := fmt.Sprintf("%d packets written", c.written)
	if s.Limited > 0 {
		text += fmt.Sprintf("; the rate of %d was reached in %d of %d turns of 50 ms, others may have come then", c.options.Rate, s.Limited, s.Turns)
	}
	if s.Lost > 0 {
		text += fmt.Sprintf("; %d more were copied but lost for want of room", s.Lost)
	}
	return text + "\n"
}
