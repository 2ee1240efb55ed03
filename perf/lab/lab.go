package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"thresher/perf/lab/snoop"
)

// Lab is one farm with its switch and clients. Make it with New, end it with
// Close.
type Lab struct {
	// Switch is the host of the bridge that everything hangs on.
	Switch *Host
	// Nodes are the farm's machines, node1 first.
	Nodes []*Node
	// Clients are the machines that ask the farm, client1 first.
	Clients []*Host
	// Dir is a directory for files of the whole farm, such as its key, that only
	// root can read. Close removes it.
	Dir string

	config    Config
	snooper   *snoop.Switch // of SnoopMAC
	faults    atomic.Int64  // injected so far; numbers their tables
	closeOnce sync.Once
	closeErr  error
}

// Available says why this process cannot build a lab, or nil if it can. Tests
// skip with what it says.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root: run it with sudo")
	}
	result := make(chan error)
	onFreshThread(func() { result <- unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS) })
	if err := <-result; err != nil {
		return fmt.Errorf("cannot make network namespaces: %w (in a container: give it CAP_SYS_ADMIN and CAP_NET_ADMIN)", err)
	}
	return nil
}

// New builds the farm that c describes. Everything is up and connected when it
// returns; no daemon runs. The caller must Close the lab. A context that ends
// while New works undoes everything; one that ends later changes nothing.
//
// New also removes directories that labs left which were killed with SIGKILL.
func New(ctx context.Context, c Config) (*Lab, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := Available(); err != nil {
		return nil, err
	}
	dir, err := newDir()
	if err != nil {
		return nil, err
	}
	l := &Lab{Dir: dir, config: c}
	if err := l.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context) error {
	var err error
	if l.Switch, err = newHost("switch", l.Dir); err != nil {
		return err
	}
	if err := l.buildSwitch(ctx); err != nil {
		return err
	}
	for i := range l.config.Nodes {
		if err := l.addNode(ctx, i+1); err != nil {
			return err
		}
	}
	for i := range l.config.Clients {
		if err := l.addClient(ctx, i+1); err != nil {
			return err
		}
	}
	if err := l.route(); err != nil {
		return err
	}
	for _, h := range l.stations() {
		if err := l.awaitCarrier(ctx, h); err != nil {
			return err
		}
		if err := l.awaitBack(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) addNode(ctx context.Context, number int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h, err := l.bootNode(number, 0)
	if err != nil {
		return err
	}
	l.Nodes = append(l.Nodes, &Node{Host: h, number: number, lab: l})
	return errors.Join(l.plug(h, l.config.Queues), l.plugBack(h))
}

func (l *Lab) addClient(ctx context.Context, number int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h, err := newHost(fmt.Sprintf("client%d", number), l.Dir)
	if err != nil {
		return err
	}
	l.Clients = append(l.Clients, h)
	h.Addresses = clientAddresses(number, l.config.ClientAddresses)
	h.Address = h.Addresses[0]
	h.MAC = macOf(h.Address)
	h.Port = fmt.Sprintf("sw-c%d", number)
	return l.plug(h, 1)
}

// route tells the nodes the way to each client's addresses, and gives the first
// client the addresses of SYNRange.
func (l *Lab) route() error {
	if err := l.Clients[0].claim(SYNRange()); err != nil {
		return err
	}
	if l.config.IPv6 {
		if err := l.Clients[0].claim(SYNRange6()); err != nil {
			return err
		}
	}
	for _, node := range l.Nodes {
		if err := l.routeNode(node.Host); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) routeNode(node *Host) error {
	if err := l.routeBoth(node, l.Clients[0], SYNRange()); err != nil {
		return err
	}
	for i, client := range l.Clients {
		for _, block := range clientBlocks(i+1, l.config.ClientAddresses) {
			if err := l.routeBoth(node, client, block); err != nil {
				return err
			}
		}
	}
	return nil
}

// routeBoth is routeVia for an IPv4 prefix and for the one of IPv6 that goes with it.
func (l *Lab) routeBoth(node, client *Host, prefix netip.Prefix) error {
	err := routeVia(node, client, prefix)
	if err != nil || !l.config.IPv6 {
		return err
	}
	return routeVia(node, client, netip.PrefixFrom(In6(prefix.Addr()), prefixIn6(prefix.Bits())))
}

// Close ends everything that was started in the lab, removes its directory and
// lets the namespaces go. It may be called more than once and always returns
// the same.
func (l *Lab) Close() error {
	l.closeOnce.Do(func() {
		var errs []error
		for _, h := range l.hosts() {
			errs = append(errs, h.close())
		}
		l.closeErr = errors.Join(append(errs, os.RemoveAll(l.Dir))...)
	})
	return l.closeErr
}

// stations lists the clients and the nodes.
func (l *Lab) stations() []*Host {
	var all []*Host
	all = append(all, l.Clients...)
	for _, n := range l.Nodes {
		all = append(all, n.Host)
	}
	return all
}

// hosts lists the stations and the switch, in the order of closing.
func (l *Lab) hosts() []*Host {
	all := l.stations()
	if l.Switch != nil {
		all = append(all, l.Switch)
	}
	return all
}
