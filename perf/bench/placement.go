package bench

import (
	"runtime"

	"thresher/perf/engine"
	"thresher/perf/generator"
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
	client, server = cpus[len(cpus)-1], cpus[len(cpus)-1]
	if !p.apart {
		return client, server, nil
	}
	if len(cpus) == 1 {
		return 0, 0, &engine.Unavailable{Reason: "there is but one CPU here"}
	}
	return cpus[0], server, nil
}

// onCPU runs fn on a thread that stays on the CPU and ends with fn.
func onCPU(cpu int, fn func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good
		err := generator.PinTo(cpu)
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	return done
}
