package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
)

// carrierTimeout is how long the kernel may take to notice a carrier. It looks
// at once at most links, and at all others every second (net/core/link_watch.c).
const carrierTimeout = 20 * time.Second

// errNoCarrier is the reason of a link that does not come up.
var errNoCarrier = errors.New("the link has no carrier")

// awaitCarrier waits until both ends of the host's cable work. The kernel tells
// a bridge of a port's carrier, and a link its queue, some time after the link
// was set up; frames sent before are lost without a trace.
func (l *Lab) awaitCarrier(ctx context.Context, h *Host) error {
	return l.awaitCable(ctx, h, Interface, h.Port)
}

func (l *Lab) awaitCable(ctx context.Context, h *Host, iface, port string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, carrierTimeout, errNoCarrier)
	defer cancel()
	if err := h.awaitOperational(ctx, iface); err != nil {
		return err
	}
	return l.Switch.awaitOperational(ctx, port)
}

func (h *Host) awaitOperational(ctx context.Context, iface string) error {
	for {
		link, err := h.links.LinkByName(iface)
		if err != nil {
			return fmt.Errorf("find %s of %s: %w", iface, h.Name, err)
		}
		if link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s of %s: %w", iface, h.Name, context.Cause(ctx))
		case <-time.After(time.Millisecond):
		}
	}
}
