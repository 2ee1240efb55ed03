package probe

import (
	"cmp"
	"context"

	"thresher/config"
	"thresher/health/command"
)

// execProbe runs a program. Its exit codes are those of Nagios plug-ins: 0 is well,
// 1 a warning, 2 critical, 3 unknown; what is unknown is not well. What stands
// behind | in its first line are figures for others.
func execProbe(c config.ExecCheck) Func {
	return func(ctx context.Context) Result {
		r := command.Run(ctx, command.Command{Argv: c.Command, Env: c.Environment})
		line := withoutFigures(r.Line())
		switch {
		case r.Code == 0 && c.Agent:
			return parseAgent(line)
		case r.Code == 0:
			return ok("%s", line)
		case r.Code == 1:
			warned := ok("%s", line)
			warned.Warning = cmp.Or(warned.Detail, "the program warns")
			return warned
		case r.Code == 2:
			return failed("%s", cmp.Or(line, "critical"))
		case r.Code == 3:
			return failed("%s", cmp.Or(line, "unknown"))
		}
		return failed("%s", r.Reason())
	}
}

func withoutFigures(line string) string {
	for i := range line {
		if line[i] == '|' {
			return line[:i]
		}
	}
	return line
}
