package lab

import (
	"context"
	"fmt"
	"strings"

	"thresher/perf/lab/snoop"
)

// Snooping is to whom the switch sends frames for groups.
type Snooping uint8

const (
	// NoSnooping sends them to every port: a bridge snoops, but nobody queries.
	NoSnooping Snooping = iota
	// SnoopMAC goes by the Ethernet address of the groups that a port has reported,
	// as many switches do.
	SnoopMAC
	// SnoopIP is a bridge's own snooping, with a querier: it goes by IP addresses,
	// and what is for none of a group goes to routers alone. It needs the programs
	// ip and bridge.
	SnoopIP
	// SnoopIPRouters is SnoopIP with the nodes' ports set as leading to routers.
	SnoopIPRouters
)

// querySettings make the bridge a querier that snoops from half a second on: the
// kernel waits for as long as members may take to answer its first query. Two
// steps, since the kernel would otherwise wait by the old setting.
var querySettings = [...]string{
	"link set " + bridge + " type bridge mcast_snooping 1 mcast_query_response_interval 50",
	"link set " + bridge + " type bridge mcast_querier 1",
}

// snoop readies the bridge. It runs before there are ports.
func (l *Lab) snoop(ctx context.Context) error {
	switch l.config.Snooping {
	case NoSnooping:
		return nil
	case SnoopMAC:
		return l.snoopMAC()
	}
	for _, step := range querySettings {
		if out, err := l.Switch.Run(ctx, "ip", strings.Fields(step)...); err != nil {
			return fmt.Errorf("make the bridge a querier: %w: %s", err, out)
		}
	}
	return nil
}

func (l *Lab) snoopMAC() (err error) {
	if l.snooper, err = snoop.New(); err != nil {
		return err
	}
	return l.Switch.own(l.snooper)
}

// snoopPort readies a port of the switch, before a frame has come by it.
func (l *Lab) snoopPort(name string) error {
	switch {
	case l.config.Snooping == SnoopMAC:
		port, err := l.Switch.links.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find port %s: %w", name, err)
		}
		return l.Switch.thread.do(func() error { return l.snooper.Attach(port.Attrs().Index) })
	case l.config.Snooping == SnoopIPRouters && strings.HasPrefix(name, nodePort):
		return l.setRouterPort(context.Background(), name)
	}
	return nil
}

// SetRouterPort sets the host's port of the switch as one that leads to a router,
// by the program bridge.
func (l *Lab) SetRouterPort(ctx context.Context, h *Host) error {
	if err := l.setRouterPort(ctx, h.Port); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

func (l *Lab) setRouterPort(ctx context.Context, port string) error {
	if out, err := l.Switch.Run(ctx, "bridge", "link", "set", "dev", port, "mcast_router", "2"); err != nil {
		return fmt.Errorf("set port %s as leading to a router: %w: %s", port, err, out)
	}
	return nil
}
