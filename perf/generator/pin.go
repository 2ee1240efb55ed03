package generator

import (
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// CPUs lists those that the calling thread may use, at least one, in their order.
func CPUs() ([]int, error) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return nil, fmt.Errorf("generator: ask for this thread's CPUs: %w", err)
	}
	var cpus []int
	for cpu := range len(may) * bits.UintSize {
		if may.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// CPU is the one that generators run on: the last of CPUs, since the first has
// most interrupts.
func CPU() (int, error) {
	cpus, err := CPUs()
	if err != nil {
		return 0, err
	}
	return cpus[len(cpus)-1], nil
}

// Pin keeps the calling thread on CPU, so that generator and receiver stay
// together. The goroutine must be locked to its thread.
func Pin() error {
	cpu, err := CPU()
	if err != nil {
		return err
	}
	return PinTo(cpu)
}

// PinTo keeps the calling thread on a CPU. The goroutine must be locked to its
// thread.
func PinTo(cpu int) error { return pin(0, cpu) }

// PinProcess keeps another process on the generators' CPU.
//
// Whoever sends to a node that is being measured must be there: a veth's NAPI
// runs on the CPU of the sender that woke it and stays there until its ring is
// empty. One packet from elsewhere in the middle of a run, and the receiver
// leaves the generator's CPU for the rest of it, which makes both faster than
// they are and overflows the ring.
func PinProcess(pid int) error {
	cpu, err := CPU()
	if err != nil {
		return err
	}
	// A thread that starts meanwhile has its parent's CPUs, so that a pass
	// without new threads has met all.
	for before := -1; ; {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if err != nil {
			return err
		}
		if len(tasks) == 0 {
			return fmt.Errorf("generator: keep process %d on CPU %d: %w", pid, cpu, os.ErrProcessDone)
		}
		if len(tasks) == before {
			return nil
		}
		before = len(tasks)
		for _, task := range tasks {
			tid, err := strconv.Atoi(filepath.Base(task))
			if err != nil {
				return err
			}
			if err := pin(tid, cpu); err != nil && err != unix.ESRCH {
				return err
			}
		}
	}
}

// pin keeps a thread on a CPU; 0 is the calling one.
func pin(tid, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	err := unix.SchedSetaffinity(tid, &set)
	if err != nil && err != unix.ESRCH {
		return fmt.Errorf("generator: keep thread %d on CPU %d: %w", tid, cpu, err)
	}
	return err
}
