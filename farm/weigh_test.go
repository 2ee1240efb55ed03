package farm

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
)

// One warning is told of a rule that is served here no more, whoever has withdrawn it.
func TestWithdrawalIsToldOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*local)
		want   []string
	}{
		"by a check":       {func(l *local) { l.withdraw(time.Now(), "web", "check http") }, []string{"warn rule_withdrawn"}},
		"by an agent":      {func(l *local) { l.weights.scale(reasonAgent, "web", 0) }, []string{"warn withdrawn"}},
		"in part":          {func(l *local) { l.weights.scale(reasonAgent, "web", 40) }, []string{"info weight"}},
		"by an operator":   {func(l *local) { l.weights.put("web", 0) }, []string{"info weight"}},
		"of a rule beside": {func(l *local) { l.withdraw(time.Now(), "web", "check http"); l.weights.put("dns", 7) }, []string{"warn rule_withdrawn", "info weight"}},
	} {
		w := weighted()
		l := &local{
			cfg: &config.Config{Rules: w.rules}, weights: w, withdrawn: make(map[string]string),
			events: &events{ring: console.NewLog(0), log: slog.New(slog.DiscardHandler)},
		}
		l.app = newApplication(l.cfg, l.events, 0)
		before := l.weights.wire()
		tc.change(l)
		l.tellWeights(before, l.weights.wire())
		var told []string
		for _, e := range l.events.ring.Since(0) {
			told = append(told, e.Level+" "+e.Kind)
		}
		if !slices.Equal(told, tc.want) {
			t.Errorf("%s: told %q, want %q", name, told, tc.want)
		}
	}
}
