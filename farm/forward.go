package farm

import (
	"thresher/config"
	"thresher/farm/findings"
)

// strictTracking keeps conntrack from taking up flows in their midst, which may be
// another node's.
func strictTracking(cfg *config.Config) []sysctl {
	if len(cfg.Forwarded()) == 0 {
		return nil
	}
	return []sysctl{{findings.LooseSysctl, "0", nil}}
}
