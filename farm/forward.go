package farm

import (
	"thresher/config"
	"thresher/farm/findings"
	"thresher/farm/host"
)

// trackStrictly keeps conntrack from taking up flows in their midst, which may be
// another node's.
func trackStrictly(j *host.Journal, cfg *config.Config) error {
	if len(cfg.Forwarded()) == 0 {
		return nil
	}
	return j.SetSysctl(findings.LooseSysctl, "0")
}
