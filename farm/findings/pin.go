package findings

import (
	"thresher/config"
	"thresher/health"
	"thresher/xsk"
)

// CannotPin is what a machine lacks whose kernel program can't outlive the daemon.
const CannotPin = "a crash of the daemon would cut the connections that are here: the kernel program cannot be pinned"

// pin warns of a machine on which the kernel program cannot outlive the
// daemon, though the configuration asks for it.
func pin(cfg *config.Config) []health.Finding {
	if err := xsk.CanPin(); cfg.Datapath.Pin && err != nil {
		return []health.Finding{{Level: health.LevelWarn, What: CannotPin, Cure: err.Error()}}
	}
	return nil
}
