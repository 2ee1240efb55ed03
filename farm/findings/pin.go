package findings

import (
	"fmt"
	"slices"

	"thresher/config"
	"thresher/health"
	"thresher/xsk"
)

// Pin warns of what a crash of the daemon would do where the kernel program ends with
// it: because this machine cannot pin it, or the configuration does not ask for that.
func Pin(cfg *config.Config) []health.Finding { return pin(cfg, xsk.CanPin()) }

func pin(cfg *config.Config, cannot error) (list []health.Finding) {
	cure := "set datapath.pin to true"
	if cfg.Datapath.Pin {
		if cannot == nil {
			return nil
		}
		cure = cannot.Error()
		list = append(list, health.Finding{
			Level: health.LevelWarn, Cure: cure,
			What: "a crash of the daemon would cut the connections that are here: the kernel program cannot be pinned",
		})
	}
	if i := slices.IndexFunc(cfg.VIPs, func(v config.VIP) bool { return v.Mode == config.Directed }); i >= 0 {
		list = append(list, health.Finding{
			Level: health.LevelWarn, Cure: cure,
			What: fmt.Sprintf("a crash of the daemon would have this machine's kernel answer all clients of %v that come by this node, and reset"+
				" the other nodes' connections: the kernel program ends with it, and frames in mode directed are to the machine's own address", cfg.VIPs[i].Address),
		})
	}
	return list
}
