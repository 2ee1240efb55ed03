package findings

import (
	"thresher/config"
	"thresher/health"
)

// healthURL tells of a node that no balancer can find out about.
func healthURL(cfg *config.Config) []health.Finding {
	if len(cfg.VIPs) > 0 || cfg.HealthListen.IsValid() {
		return nil
	}
	return []health.Finding{{
		Level: health.LevelWarn, What: "vips is empty, and the balancer in front cannot ask whether this node serves",
		Cure: "set health_listen, such as 0.0.0.0:9010, and have the balancer ask for /health there",
	}}
}
