package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"thresher/perf/lab"
)

// vrrp is keepalived with one advertisement in every interval, in seconds. All
// instances begin as backups, node1 has the highest priority, and everything else is
// as keepalived has it.
func vrrp(name, title, interval string) contestant {
	return contestant{
		name: name, title: title,
		start: func(_ *failoverFarm, n *lab.Node) (*lab.Process, error) { return startKeepalived(n, interval) },
		out:   func(ctx context.Context, f *failoverFarm, n *lab.Node) error { return f.stopDaemon(ctx, n) },
		in:    func(_ context.Context, f *failoverFarm, n *lab.Node) error { return f.startDaemon(n) },
		whole: oneMaster,
		again: func(ctx context.Context, f *failoverFarm, n *lab.Node) error {
			return errors.Join(f.stopDaemon(ctx, n), f.startDaemon(n))
		},
	}
}

const keepalivedConfig = `vrrp_instance farm {
	state BACKUP
	interface %s
	version %d
	virtual_router_id 51
	priority %d
	advert_int %s
	virtual_ipaddress {
		%s/32
	}
}
`

func startKeepalived(n *lab.Node, interval string) (*lab.Process, error) {
	priority := 100
	for i := range failoverNodes {
		if n.Name == fmt.Sprintf("node%d", i+1) {
			priority -= 10 * i
		}
	}
	// VRRP 2, the default, knows whole seconds only (RFC 3768 §5.3.7).
	version := 2
	if strings.Contains(interval, ".") {
		version = 3
	}
	file := filepath.Join(n.Dir, "keepalived.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, keepalivedConfig, lab.Interface, version, priority, interval, lab.VIP()), 0o600); err != nil {
		return nil, fmt.Errorf("bench: configure keepalived: %w", err)
	}
	// Files of a process that was killed must not hold the next one up.
	pid, child := filepath.Join(n.Dir, "keepalived.pid"), filepath.Join(n.Dir, "vrrp.pid")
	for _, p := range []string{pid, child} {
		if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("bench: configure keepalived: %w", err)
		}
	}
	return n.Start("keepalived", "--dont-fork", "--log-console", "--vrrp", "--use-file", file, "--pid", pid, "--vrrp_pid", child)
}

// oneMaster says whether exactly the node of the highest priority has the VIP, which
// is so when all take part.
func oneMaster(ctx context.Context, f *failoverFarm) (bool, error) {
	for i, n := range f.Nodes {
		out, err := n.Run(ctx, "ip", "-4", "-o", "address", "show", "dev", lab.Interface)
		if err != nil {
			return false, err
		}
		if has := bytes.Contains(out, []byte(" "+lab.VIP().String()+"/")); has != (i == 0) {
			return false, nil
		}
	}
	// The others must have come to rest as backups.
	for _, n := range f.Nodes[1:] {
		if !strings.Contains(f.daemons[n.Name].Tail(1<<16), "BACKUP STATE") {
			return false, nil
		}
	}
	return true, nil
}
