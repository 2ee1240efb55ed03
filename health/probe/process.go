package probe

import (
	"context"

	"thresher/config"
	"thresher/health/process"
	"thresher/health/unit"
)

// processProbe counts processes. While those that it has counted are enough and all
// there, it does not look for more.
func processProbe(c config.ProcessCheck) Func {
	pattern := process.Pattern{PidFile: c.PidFile, Name: c.Name, Args: c.Args}
	lasting := c.PidFile == "" && c.AtMost == 0
	var known []int
	return func(context.Context) Result {
		if !lasting || len(known) < max(1, c.AtLeast) || !pattern.Still(known) {
			var err error
			if known, err = pattern.Find(); err != nil {
				return failed("%v", err)
			}
		}
		return judgeCount(c, len(known))
	}
}

func judgeCount(c config.ProcessCheck, n int) Result {
	switch {
	case n < c.AtLeast && n == 0:
		return failed("no such process")
	case n < c.AtLeast:
		return failed("%d processes, less than %d", n, c.AtLeast)
	case c.AtMost > 0 && n > c.AtMost:
		return failed("%d processes, more than %d", n, c.AtMost)
	}
	return ok("%d processes", n)
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
