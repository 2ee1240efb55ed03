package farm_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"thresher/perf/lab"
)

// combination is one way to run a farm.
type combination struct {
	family             string // ipv4 or ipv6
	mode, xdp, offload string
}

func (c combination) String() string {
	return fmt.Sprintf("%s, %s, %s, offload %s", c.mode, c.family, c.xdp, c.offload)
}

func (c combination) vip() netip.Addr {
	if c.family == "ipv6" {
		return lab.VIP6()
	}
	return lab.VIP()
}

// matrix is a test's combinations: so many of them, the first, in the short form.
type matrix struct {
	short int
	all   []combination
}

// inForm are those that the form in use goes through.
func inForm(m matrix) []combination {
	if *long {
		return m.all
	}
	return m.all[:m.short]
}

// followed are the runs of the short form, and behind them all others of the modes.
func followed(short []combination, modes ...string) matrix {
	r := matrix{short: len(short), all: short}
	for _, c := range every(modes...) {
		if !slices.Contains(short, c) {
			r.all = append(r.all, c)
		}
	}
	return r
}

// every is every combination of the modes.
func every(modes ...string) (all []combination) {
	for _, mode := range modes {
		for _, family := range []string{"ipv4", "ipv6"} {
			for _, xdp := range []string{"native", "generic"} {
				for _, offload := range []string{"none", "reject", "full"} {
					all = append(all, combination{family, mode, xdp, offload})
				}
			}
		}
	}
	return all
}

// floodRuns are TestFarmServes's, of IPv4, and TestFarmServesIPv6's.
func floodRuns(family string) matrix {
	var short []combination
	switch family {
	case "ipv4":
		short = []combination{{family, "flood", "native", "full"}, {family, "flood", "native", "none"}, {family, "flood", "generic", "reject"}}
	case "ipv6":
		short = []combination{{family, "flood", "native", "full"}}
	}
	return ofFamily(family, followed(short, "flood"))
}

// packetRuns are TestPacketsAsTheyCome's, of IPv4, and TestPacketsAsTheyComeIPv6's.
func packetRuns(family string) matrix {
	short := []combination{{"ipv4", "flood", "generic", "none"}}
	if family == "ipv6" {
		short = []combination{{family, "flood", "native", "full"}}
	}
	return ofFamily(family, followed(short, "flood", "directed", "multicast", "igmp"))
}

// ofFamily leaves out the runs of the other family.
func ofFamily(family string, r matrix) matrix {
	r.all = slices.DeleteFunc(r.all, func(c combination) bool { return c.family != family })
	return r
}

// groupRuns are TestModes's: of the modes whose VMAC is a group's.
func groupRuns() matrix {
	return followed([]combination{
		{"ipv4", "multicast", "native", "full"}, {"ipv6", "multicast", "generic", "none"}, {"ipv6", "multicast", "native", "reject"},
		{"ipv6", "igmp", "generic", "full"}, {"ipv4", "igmp", "native", "none"}, {"ipv4", "igmp", "generic", "reject"},
	}, "multicast", "igmp")
}

// directedRuns are TestDirected's.
func directedRuns() matrix {
	return followed([]combination{
		{"ipv4", "directed", "native", "full"}, {"ipv6", "directed", "generic", "none"}, {"ipv6", "directed", "native", "reject"},
	}, "directed")
}

// TestCombinations: in the short form any two values of two kinds meet in some test,
// and in the long form all values of all kinds.
func TestCombinations(t *testing.T) {
	met := make(map[[2]string]bool)
	all := every("flood", "multicast", "igmp", "directed")
	pairs := func(c combination, pair func(a, b string)) {
		values := []string{c.family, c.mode, c.xdp, c.offload}
		for i, a := range values {
			for _, b := range values[i+1:] {
				pair(a, b)
			}
		}
	}
	serve := []matrix{floodRuns("ipv4"), floodRuns("ipv6"), groupRuns(), directedRuns()}
	for _, r := range serve {
		for _, c := range r.all[:r.short] {
			pairs(c, func(a, b string) { met[[2]string{a, b}] = true })
		}
	}
	for _, runs := range [][]matrix{serve, {packetRuns("ipv4"), packetRuns("ipv6")}} {
		missing := make(map[combination]bool)
		for _, c := range all {
			missing[c] = true
		}
		for _, r := range runs {
			for _, c := range r.all {
				if !missing[c] {
					t.Errorf("%v is none, or there twice", c)
				}
				delete(missing, c)
			}
		}
		for c := range missing {
			t.Errorf("the long form lacks %v", c)
		}
	}
	for _, c := range all {
		pairs(c, func(a, b string) {
			if !met[[2]string{a, b}] {
				t.Errorf("the short form lacks %s with %s", a, b)
			}
		})
	}
}
