package supervise

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"thresher/health/process"
)

// rest is what a service may leave behind when its process has ended: workers that
// keep its port, say, so that it could not be started again. It is found by process
// groups: that of the service's process, if it leads one, and that of the start
// command. Methods may be called from several goroutines.
type rest struct {
	mu     sync.Mutex
	groups []int
}

// started notes the start command's group, if it has left anything in it.
func (r *rest) started(group int) {
	if pids, err := process.Left(group); err == nil && len(pids) > 0 {
		r.note(group)
	}
}

// runs notes the group of the service's process.
func (r *rest) runs(pid int) {
	if process.Leads(pid) {
		r.note(pid)
	}
}

func (r *rest) note(group int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.groups, group) {
		r.groups = append(r.groups, group)
	}
}

// end sends a signal to what is left when the service's process has ended, and waits
// until that has ended, too.
func (r *rest) end(ctx context.Context, s unix.Signal) error {
	r.mu.Lock()
	groups := slices.Clone(r.groups)
	r.mu.Unlock()
	for _, group := range groups {
		if err := endGroup(ctx, group, s); err != nil {
			return fmt.Errorf("end what the service has left behind: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.groups = slices.DeleteFunc(r.groups, func(g int) bool { return slices.Contains(groups, g) })
	return nil
}

// endGroup ends what a group's leader has left, and what that has begun meanwhile.
func endGroup(ctx context.Context, group int, s unix.Signal) error {
	for {
		pids, err := process.Left(group)
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := process.Signal(pids, s); err != nil {
			return err
		}
		for _, pid := range pids {
			if err := process.Await(ctx, pid); err != nil {
				return fmt.Errorf("process %d does not end: %w", pid, err)
			}
		}
	}
}
