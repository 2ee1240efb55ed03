package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"thresher/perf/lab"
)

// Counts are frames and packets of the node under test so far.
type Counts struct {
	// Received is how many frames came out of the node's veth: into its XDP
	// program, or into the stack if it has none.
	Received uint64
	// Overflowed is how many frames the veth had no room for: its receiver was
	// not on the generator's CPU, where each batch is taken before the next.
	Overflowed uint64
	// Judged is how many frames the engine decided about. For kernel programs
	// it is Received; a frame lost on the way to a reader in user space is not
	// judged.
	Judged uint64
	// Delivered is how many packets reached the stack's transport layer.
	Delivered uint64
	// SentOn is how many frames came out at the other end of the node's wire, of an
	// engine that hands frames on, and Copied how many it made several of.
	SentOn, Copied uint64
	// Asked is how many frames went to a reader in user space.
	Asked uint64
	// NotServing is how many frames were judged while the engine was not ready.
	NotServing uint64
}

// Sub is what was counted since before.
func (c Counts) Sub(before Counts) Counts {
	return Counts{
		Received: c.Received - before.Received, Overflowed: c.Overflowed - before.Overflowed, Judged: c.Judged - before.Judged,
		Delivered: c.Delivered - before.Delivered, Asked: c.Asked - before.Asked,
		SentOn: c.SentOn - before.SentOn, Copied: c.Copied - before.Copied,
		NotServing: c.NotServing - before.NotServing,
	}
}

// Counts reads the counters. Received and Delivered are the kernel's own, which
// no engine can embellish.
func (b *Testbed) Counts(ctx context.Context) (c Counts, err error) {
	err = b.Node.Do(func() error {
		link, err := netlink.LinkByName(lab.Interface)
		if err != nil {
			return fmt.Errorf("find the node's interface: %w", err)
		}
		c.Received, c.Overflowed = link.Attrs().Statistics.RxPackets, link.Attrs().Statistics.RxDropped
		// Not /proc/net: that is the namespace of the process's first thread.
		snmp, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		c.Delivered, err = snmpValue(string(snmp), "Ip", "InDelivers")
		return err
	})
	if err != nil {
		return c, fmt.Errorf("read the node's counters: %w", err)
	}
	if c.SentOn, err = b.sentOn(); err != nil {
		return c, err
	}
	c.Judged = c.Received
	if b.ask != nil {
		err = b.ask(ctx, &c)
	}
	return c, err
}

// snmpValue finds a value in the text of /proc/net/snmp: a line of names and a
// line of values for each group (Linux, Documentation/networking/snmp_counter.rst).
func snmpValue(text, group, name string) (uint64, error) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != group+":" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, n := range names {
			if n == name && i < len(fields) {
				return strconv.ParseUint(fields[i], 10, 64)
			}
		}
	}
	return 0, errors.New("no " + group + " " + name + " in /proc/net/snmp")
}
