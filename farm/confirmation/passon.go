package confirmation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/mdlayher/packet"

	"thresher/config"
	"thresher/farm/clock"
	"thresher/farm/division"
	"thresher/pipeline"
)

// heirs are the nodes that get what this one has let go of.
type heirs struct {
	release  uint64
	division *division.Division
	ready    []string // those that are known to park what comes
}

// of returns the Ethernet address of the node that gets a SYN; false if there is
// none that may have it.
func (h *heirs) of(r *pipeline.Rules, l *pipeline.Leftover) (to config.MAC, ok bool) {
	if h == nil || h.release != l.Release {
		return to, false
	}
	client, server := l.Ends()
	rule, ok := r.Find(config.TCP, server.Addr(), server.Port())
	if !ok {
		return to, false
	}
	name := h.division.Owner(rule, r.Place(client, rule).Bucket)
	if !slices.Contains(h.ready, name) {
		return to, false
	}
	return h.division.View.Nodes[h.division.Index(name)].MAC, true
}

// sender puts frames of others onto the VIPs' interface.
type sender struct {
	conn *packet.Conn
	own  config.MAC
}

// openSender opens it; it needs CAP_NET_RAW. It receives nothing, since protocol 0
// is none (packet(7)).
func openSender(ifi *net.Interface) (*sender, error) {
	conn, err := packet.Listen(ifi, packet.Raw, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket on %s (needs root or CAP_NET_RAW): %w", ifi.Name, err)
	}
	return &sender{conn, config.MAC(ifi.HardwareAddr)}, nil
}

// send sends a frame to a machine on the segment. The frame's addresses are
// changed: no switch may learn the client's behind this machine's port.
func (s *sender) send(frame []byte, to config.MAC) error {
	copy(frame[:6], to[:])
	copy(frame[6:12], s.own[:])
	_, err := s.conn.WriteTo(frame, &packet.Addr{HardwareAddr: to[:]})
	return err
}

func (s *sender) close() error { return s.conn.Close() }

// passOn sends on what was kept for the nodes that get released buckets, until ctx
// is done.
func (c *Confirmation) passOn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-c.leftovers:
			to, ok := c.heirs.Load().of(c.rules, &l)
			if !ok || clock.Nanoseconds()-l.Since > int64(pipeline.LotAge) {
				continue
			}
			if err := c.sender.send(l.Frame(), to); err != nil && !errors.Is(err, net.ErrClosed) {
				c.log.Debug("a SYN was not sent on", "to", net.HardwareAddr(to[:]), "err", err)
			}
		}
	}
}
