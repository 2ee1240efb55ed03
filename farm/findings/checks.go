package findings

import (
	"fmt"
	"time"

	"thresher/config"
	"thresher/health"
	"thresher/health/check"
)

// checks warns of those by which a server that hangs is noticed later than one that
// refuses, since their timeout is too long for that.
func checks(cfg *config.Config) (list []health.Finding) {
	for _, c := range cfg.Checks {
		p := check.Params{Interval: c.Interval, Timeout: c.Timeout, Fall: c.Fall}
		refusing, hanging := p.Noticed()
		if hanging == refusing || !c.Type.CanHang() {
			continue
		}
		list = append(list, health.Finding{
			Level: health.LevelWarn,
			What: fmt.Sprintf("check %s: with a timeout of %v, what does not answer is noticed after up to %v, and not within interval × fall, %v",
				c.Name, c.Timeout, hanging, refusing),
			Cure: shorten(p),
		})
	}
	return list
}

// shorten is how such a check keeps to interval times fall.
func shorten(p check.Params) string {
	if p.Fall == 1 {
		return fmt.Sprintf("use fall: 2 with interval: %v and timeout: %v, or put up with it", p.Interval/2, p.Interval/4)
	}
	return fmt.Sprintf("use a timeout of at most %v, or put up with it", p.MostTimeout().Truncate(time.Millisecond))
}
