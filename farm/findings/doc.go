// Package findings tells what is amiss, or remarkable, of a configuration on this machine
// beyond what its own packages know: what `thresher check` says, and the daemon when it
// starts. It changes nothing.
package findings

import (
	"slices"

	"thresher/config"
	"thresher/health"
)

// Of is all there is to say of a configuration that can be said without its interface.
func Of(cfg *config.Config) []health.Finding {
	var list []health.Finding
	if len(cfg.VIPs) > 0 {
		list = slices.Concat(Forward(cfg), rules(cfg), Pin(cfg))
	}
	return slices.Concat(list, checks(cfg), api(cfg), healthURL(cfg))
}
