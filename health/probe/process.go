package probe

import (
	"context"

	"thresher/config"
	"thresher/health/process"
	"thresher/health/unit"
)

// processProbe counts processes.
func processProbe(c config.ProcessCheck) Func {
	pattern := process.Pattern{PidFile: c.PidFile, Name: c.Name, Args: c.Args}
	return func(context.Context) Result {
		pids, err := pattern.Find()
		switch {
		case err != nil:
			return failed("%v", err)
		case len(pids) < c.AtLeast && len(pids) == 0:
			return failed("no such process")
		case len(pids) < c.AtLeast:
			return failed("%d processes, less than %d", len(pids), c.AtLeast)
		case c.AtMost > 0 && len(pids) > c.AtMost:
			return failed("%d processes, more than %d", len(pids), c.AtMost)
		}
		return ok("%d processes", len(pids))
	}
}

// unitProbe asks systemd.
func unitProbe(name string) Func {
	return func(ctx context.Context) Result {
		active, words, err := unit.Unit{Name: name}.Active(ctx)
		switch {
		case err != nil:
			return failed("%v", err)
		case !active:
			return failed("%s", words)
		}
		return ok("%s", words)
	}
}
