package lab

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"thresher/config"
)

// lossSteps is the resolution of a loss: hundredths of a percent.
const lossSteps = 10_000

// Lose loses percent of the frames that the switch sends to each of the hosts, at
// random and before the host's XDP program sees them. It needs nftables' egress
// hook, which Linux has since 5.16.
func (l *Lab) Lose(ctx context.Context, percent float64, hosts ...*Host) (*Fault, error) {
	step := int(math.Round(percent / 100 * lossSteps))
	if step < 1 || step > lossSteps || len(hosts) == 0 {
		return nil, fmt.Errorf("lab: lose %v %% on the way to %d hosts: want 0.01 to 100 %% and 1 host or more", percent, len(hosts))
	}
	rule := fmt.Sprintf("numgen random mod %d <= %d counter drop", lossSteps, step-1)
	return l.inject(ctx, "netdev", egressTo(hosts), []string{rule})
}

// Withhold drops the frames for an Ethernet address that the switch would send to
// each of the hosts.
func (l *Lab) Withhold(ctx context.Context, to config.MAC, hosts ...*Host) (*Fault, error) {
	if len(hosts) == 0 {
		return nil, fmt.Errorf("lab: withhold frames for %v: from nobody", to)
	}
	return l.inject(ctx, "netdev", egressTo(hosts), []string{fmt.Sprintf("ether daddr %v counter drop", to)})
}

// egressTo is the hook of what the switch sends to the hosts.
func egressTo(hosts []*Host) string {
	devices := make([]string, len(hosts))
	for i, h := range hosts {
		devices[i] = strconv.Quote(h.Port)
	}
	return "egress devices = { " + strings.Join(devices, ", ") + " }"
}
