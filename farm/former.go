package farm

import (
	"slices"

	"thresher/config"
)

// When a VIP's mode is changed, node by node, clients and the other nodes go on for
// a while as before. So a process that goes on with another mode than the one before
// it takes frames that come in the former way, too: its connections live on while it
// waits for the others, and clients that have missed the announcement are served.
// That lasts until the process is restarted or ends.

// formerOf are the VIPs, as they were, whose way of getting frames has changed.
func formerOf(h *handed, vips []config.VIP) (former []config.VIP) {
	if h == nil {
		return nil
	}
	for _, was := range h.VIPs {
		if slices.ContainsFunc(vips, func(is config.VIP) bool { return is.Address == was.Address && is != was }) {
			former = append(former, was)
		}
	}
	return former
}

// everyWay is the configuration with each VIP in both of its ways: for what has to
// be done to the machine for either.
func (p *parts) everyWay() *config.Config {
	both := *p.cfg
	both.VIPs = append(slices.Clone(p.cfg.VIPs), p.former...)
	return &both
}
