package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// PowerOff cuts the node's power. From one moment on nothing of it reaches the
// wire; then everything that ran there ends without a chance to say so, and what
// its kernel knew is gone: sockets, addresses, settings, programs, and the
// daemon's run directory, which stands for one below /run. Files in Dir stay, as
// on a disk.
//
// Until PowerOn the node's methods return ErrClosed. BPF objects that the daemon
// pinned outside of Dir are left, as the machine's BPF file system is one for all.
func (l *Lab) PowerOff(n *Node) error {
	if err := l.PortUp(n.Host, false); err != nil {
		return err
	}
	err := l.unplug(n.Port)
	if n.BackPort != "" {
		err = errors.Join(err, l.unplug(n.BackPort))
	}
	return errors.Join(err, n.close(), os.RemoveAll(n.runDir()))
}

// unplug deletes a port, which takes the interface at its other end with it, so that
// sockets that end late, with their namespace, speak to nobody after PowerOn.
func (l *Lab) unplug(port string) error {
	link, err := l.Switch.links.LinkByName(port)
	if err == nil {
		err = l.Switch.links.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("lab: pull the cable of port %s: %w", port, err)
	}
	return nil
}

// PowerOn starts a node that was powered off, as a machine that has booted and
// runs nothing yet: with its name, addresses, port and directory, in a new
// namespace. Nothing else may use the node meanwhile.
func (l *Lab) PowerOn(ctx context.Context, n *Node) error {
	n.mu.RLock()
	off, logs := n.closed, n.logs
	n.mu.RUnlock()
	if !off {
		return fmt.Errorf("lab: %s is on", n.Name)
	}
	h, err := l.bootNode(n.number, logs)
	if err != nil {
		return err
	}
	n.Host = h // From here on Close of the lab closes it, whatever happens.
	err = l.plug(h, l.config.Queues)
	if err == nil {
		err = l.plugBack(h)
	}
	if err == nil {
		err = l.routeNode(h)
	}
	if err == nil {
		err = errors.Join(l.awaitCarrier(ctx, h), l.awaitBack(ctx, h))
	}
	if err != nil {
		return fmt.Errorf("lab: power %s on: %w", n.Name, err)
	}
	return nil
}

// bootNode makes the machine of the node with that number, without a cable. logs
// is how many logs its directory has.
func (l *Lab) bootNode(number, logs int) (*Host, error) {
	h, err := newHost(fmt.Sprintf("node%d", number), l.Dir)
	if err != nil {
		return nil, err
	}
	h.logs = logs
	h.Address = nodeAddress(number)
	h.Addresses = append(h.Addresses, h.Address)
	h.MAC = macOf(h.Address)
	h.Port = fmt.Sprintf("%s%d", nodePort, number)
	if l.config.Back {
		h.Back, h.BackPort = backAddress(number), fmt.Sprintf("%s%d", backPort, number)
	}
	return h, nil
}

// runDir is the daemon's directory for what does not outlive a boot: NodeConfig
// sets run_dir to Dir, below which the daemon makes one with its name.
func (n *Node) runDir() string { return filepath.Join(n.Dir, n.Name) }
