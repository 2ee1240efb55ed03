package bench

import (
	"thresher/perf/engine"
	"thresher/perf/generator"
	"thresher/perf/lab"
)

// placement says on which CPUs client and server of the echo are. Where the
// scheduler may choose, it has them now together and now apart, and what it takes to
// wake an idle CPU, most of all one of a virtual machine, hides everything else.
type placement struct {
	label string
	apart bool
}

// placements are on one CPU, where nobody is woken from afar, and on two.
func placements() []placement { return []placement{{"on one CPU", false}, {"on two CPUs", true}} }

func (p placement) cpus() (client, server int, err error) {
	cpus, err := generator.CPUs()
	if err != nil {
		return 0, 0, err
	}
	client, server = cpus[0], cpus[len(cpus)-1]
	switch {
	case !p.apart:
		client = server
	case client == server:
		err = &engine.Unavailable{Reason: "there is but one CPU here"}
	}
	return client, server, err
}

// doOn runs fn in the host on a thread that stays on the CPU and ends with fn.
func doOn(h *lab.Host, cpu int, fn func() error) error {
	return h.Do(func() error {
		if err := generator.PinTo(cpu); err != nil {
			return err
		}
		return fn()
	})
}
