// Package probe looks at things once: a web server, a port, a process, a link. When
// it is done, how often, and what follows is others' to decide.
//
// A probe ends by its context at the latest, and leaves nothing behind.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"thresher/config"
)

// Result is what a probe has found.
type Result struct {
	OK bool
	// Detail says in a few words what was found, above all what is wrong.
	Detail string
	// Warning is about what will go wrong, though all is well yet.
	Warning string
	// Weight is what the server wants to have, in percent; -1 if it says nothing.
	Weight int
}

// Func is one probe. It is called from one goroutine at a time.
type Func func(ctx context.Context) Result

// New makes the probe of a check.
func New(c config.Check) Func {
	switch c.Type {
	case config.CheckHTTP, config.CheckModule:
		return httpProbe(c.HTTP)
	case config.CheckTCP:
		return tcpProbe(c.TCP)
	case config.CheckProcess:
		return processProbe(c.Process)
	case config.CheckPing:
		return pingProbe(c.Ping)
	case config.CheckInterface:
		return interfaceProbe(c.Interface)
	case config.CheckAddress:
		return addressProbe(c.Address)
	case config.CheckDNS:
		return dnsProbe(c.DNS)
	case config.CheckExec:
		return execProbe(c.Exec)
	case config.CheckSystemd:
		return unitProbe(c.Unit)
	}
	return func(context.Context) Result { return failed("there is no check of type %v", c.Type) }
}

func ok(format string, args ...any) Result {
	return Result{OK: true, Detail: clip(fmt.Sprintf(format, args...)), Weight: -1}
}

func failed(format string, args ...any) Result {
	return Result{Detail: clip(fmt.Sprintf(format, args...)), Weight: -1}
}

// maxDetail keeps what servers and programs say to a line of status.
const maxDetail = 200

func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return s
}

// because says in few words why something failed.
func because(err error) string {
	var op *net.OpError
	var path *fs.PathError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.As(err, &op):
		return op.Err.Error()
	case errors.As(err, &path): // of a connection that is a file
		return path.Err.Error()
	}
	return err.Error()
}
