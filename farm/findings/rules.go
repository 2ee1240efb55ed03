package findings

import (
	"fmt"
	"strings"

	"thresher/config"
	"thresher/health"
)

// rules tells which rules this node has no part of by the configuration,
// which may be meant so, or be a misspelt name. Which other nodes there are, only a
// running daemon knows: it says so when it reloads.
func rules(cfg *config.Config) (list []health.Finding) {
	for _, r := range cfg.Rules {
		switch {
		case r.Mode == config.ModeBlock:
			list = append(list, health.Finding{Level: health.LevelOK, What: fmt.Sprintf("rule %s: nobody serves it (mode block)", r.Name)})
		case !r.ServedBy(cfg.Node):
			list = append(list, health.Finding{
				Level: health.LevelWarn,
				What:  fmt.Sprintf("rule %s is for %s alone: this node, %s, has no part of it", r.Name, strings.Join(r.Nodes, ", "), cfg.Node),
				Cure:  "add " + cfg.Node + " to the rule's nodes if it should have one",
			})
		case len(r.Nodes) > 0:
			list = append(list, health.Finding{
				Level: health.LevelWarn,
				What:  fmt.Sprintf("rule %s is for %s: whether there are such nodes, only the farm knows", r.Name, strings.Join(r.Nodes, ", ")),
				Cure:  "when the farm runs, thresher reload --check names those that it has not seen",
			})
		}
	}
	return list
}
