package config

import "strings"

// A farm with `vips: []` stands behind another balancer, which picks the node: this
// program looks after services and checks there, and tells the balancer by the health
// URL. A file without the key is one where it was forgotten.

func (r rawConfig) withoutVIPs() bool { return r.VIPs != nil && len(r.VIPs) == 0 }

// onlyWithVIPs are the keys that say how clients of VIPs are served.
var onlyWithVIPs = []string{"node.slow_start", "node.vip_checks", "interface", "rules", "default", "cluster.partition", "datapath"}

// refuseWithoutVIPs refuses what would have no effect.
func (p *problems) refuseWithoutVIPs() {
	for _, path := range onlyWithVIPs {
		if p.given(path) {
			p.add(path, "counts with VIPs alone, and vips is empty", "leave it out, or give at least one shared address in vips")
		}
	}
}

// given reports whether the file or an override has the key, or one below it.
func (p *problems) given(path string) bool {
	for at := range p.overrides {
		if at == path || strings.HasPrefix(at, path+".") {
			return true
		}
	}
	return p.written(path)
}
