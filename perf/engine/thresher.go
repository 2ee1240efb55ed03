package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/perf/lab"
	"thresher/pipeline"
)

// startTimeout is how long a farm may take until its nodes are up.
const startTimeout = 20 * time.Second

// thresher runs the daemon on every node of the farm. Only the first node is
// sent traffic; the others hold the buckets that are not its own.
func thresher(binary, offload string, mode config.VIPMode) func(context.Context, *Testbed, Setup) error {
	return func(ctx context.Context, b *Testbed, s Setup) error {
		b.hasXDP = true
		b.mac = b.vmacs(mode)
		keyFile, err := b.writeKeys()
		if err != nil {
			return err
		}
		for i, node := range b.Lab.Nodes {
			yaml, err := farmConfig{b, s, offload, mode, keyFile}.write(i)
			if err != nil {
				return err
			}
			if err := validate(node, yaml); err != nil {
				return err
			}
			daemon, err := node.StartDaemon(binary, yaml)
			if err != nil {
				return err
			}
			b.Daemons = append(b.Daemons, daemon)
		}
		b.OnClose(b.stopDaemons)
		client, err := console.NewClient("unix://" + b.Node.Socket())
		if err != nil {
			return err
		}
		b.OnClose(func() error { client.Close(); return nil })
		b.ask = func(ctx context.Context, c *Counts) error {
			status, err := client.Status(ctx)
			d := status.Datapath
			c.Judged, c.Asked = d.Accepted+d.Rejected+d.Reasons[pipeline.Forwarded.String()], d.Asked
			c.NotServing, c.Copied = d.Reasons[pipeline.NotServing.String()], d.Reasons[pipeline.Copied.String()]
			return err
		}
		return b.awaitFarm(ctx)
	}
}

// vmacs is where a mode's clients send to. In directed that is whom they have found
// to be the director: the node under test, elected or not, since every node hands
// on what reaches it as if it were.
func (b *Testbed) vmacs(mode config.VIPMode) func(VIP) config.MAC {
	switch mode {
	case config.Multicast:
		return config.MulticastMAC
	case config.IGMP:
		return config.IGMPMAC
	case config.Directed:
		return func(VIP) config.MAC { return b.Node.MAC }
	}
	return config.FloodMAC
}

func (b *Testbed) writeKeys() (string, error) {
	keys, err := config.NewKeys(rand.Reader)
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.Lab.Dir, "key")
	return file, config.WriteKeys(file, keys)
}

// stopDaemons ends the daemons as an operator would, so that a measurement of
// the next engine does not meet their remains.
func (b *Testbed) stopDaemons() error {
	var errs []error
	for _, d := range b.Daemons {
		errs = append(errs, d.Stop(context.Background()))
	}
	return errors.Join(errs...)
}

// awaitFarm waits until every node sees all nodes up.
func (b *Testbed) awaitFarm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for i, node := range b.Lab.Nodes {
		for !seesAll(ctx, node, len(b.Lab.Nodes)) {
			select {
			case <-b.Daemons[i].Done():
				return fmt.Errorf("the daemon of %s has ended: %s", node.Name, b.Daemons[i].Tail(1024))
			case <-ctx.Done():
				return fmt.Errorf("the farm is not up: %w: %s", context.Cause(ctx), b.Daemons[i].Tail(1024))
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// seesAll tells whether a node's daemon sees n nodes up.
func seesAll(ctx context.Context, node *lab.Node, n int) bool {
	client, err := console.NewClient("unix://" + node.Socket())
	if err != nil {
		return false
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil || status.State != console.Up {
		return false
	}
	for _, other := range status.Nodes {
		if other.State == console.Up {
			n--
		}
	}
	return n == 0
}
