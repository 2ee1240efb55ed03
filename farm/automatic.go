package farm

import (
	"slices"
	"time"

	"thresher/config"
)

// vipChecks are the checks that every VIP has, unless they are switched off or the
// file has one of the same thing: its interface has a carrier, its address is here.
// Without one of the two a node gets packets that it can't answer, or none.
//
// The daemon sees a carrier come and go at once by itself. The check is for what
// stays: it stops the services, too, as a node needs none that has no link.
func vipChecks(cfg *config.Config) []config.Check {
	if cfg.Life.NoVIPChecks || len(cfg.VIPs) == 0 {
		return nil
	}
	var checks []config.Check
	if !slices.ContainsFunc(cfg.Checks, func(c config.Check) bool { return c.Interface.Interface == cfg.Interface }) {
		c := vipCheck("interface "+cfg.Interface, config.CheckInterface)
		c.Interface = config.InterfaceCheck{Interface: cfg.Interface}
		checks = append(checks, c)
	}
	for _, v := range cfg.VIPs {
		if slices.ContainsFunc(cfg.Checks, func(c config.Check) bool { return c.Address.Address == v.Address }) {
			continue
		}
		c := vipCheck("address "+v.Address.String(), config.CheckAddress)
		c.Address = config.AddressCheck{Address: v.Address}
		checks = append(checks, c)
	}
	return checks
}

// vipCheck is up with the first success: that the link is good again is the
// daemon's to find out, which holds back a node whose carrier comes and goes.
func vipCheck(name string, t config.CheckType) config.Check {
	return config.Check{
		Name: name, Type: t, Interval: time.Second, Timeout: time.Second / 2, Jitter: config.DefaultJitter / 100.0, Rise: 1, Fall: 3,
		Phase: config.PhasePre, Action: config.ActionWait, WithdrawsNone: true,
		MaxRestarts: config.DefaultMaxRestarts, Within: config.DefaultWithin,
	}
}
