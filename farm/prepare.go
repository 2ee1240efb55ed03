package farm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/console"
	"thresher/health"
	"thresher/xsk"
)

// Before a process runs its program anew, the program at its path checks the
// configuration as a process of its own, and loads the kernel program there. The
// descriptors come back by a unix socket (unix(7), SCM_RIGHTS) and go on through
// execve(2): so the node is silent for as long as that takes, and not for as long
// as the kernel's verifier does.

// prepareVariable names the descriptor of the socket. A release that does not know
// it checks the configuration alone.
const prepareVariable = "THRESHER_PREPARE_FD"

// badConfiguration is the exit code of a program that refuses its configuration
// (DESIGN §7).
const badConfiguration = 2

// preparedDescriptors are the names in the order of the descriptors.
type preparedDescriptors struct {
	Object         []byte
	Programs, Maps []string
}

// maxPrepared bounds the message, in bytes and in descriptors.
const maxPrepared, maxPreparedDescriptors = 1 << 16, 64

// Prepare loads the kernel program for the process that has asked for it, if one
// has: to be called when the configuration is found good.
func Prepare(cfg *config.Config, facts health.Facts) error {
	text, ok := os.LookupEnv(prepareVariable)
	if !ok {
		return nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s: %w", prepareVariable, err)
	}
	conn, err := socketOf(fd)
	if err != nil {
		return fmt.Errorf("%s: %w", prepareVariable, err)
	}
	defer conn.Close()
	rules, err := compile(cfg, facts)
	if err != nil {
		return err
	}
	loaded, err := xsk.PrepareProgram(kernelProgram(rules, cfg.Datapath, facts))
	if err != nil {
		return err
	}
	defer loaded.Close()
	return sendPrepared(conn, xsk.Describe(loaded))
}

// socketOf is a descriptor's socket; the descriptor is used up.
func socketOf(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), prepareVariable)
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("is a %T", conn), conn.Close())
	}
	return u, nil
}

func sendPrepared(conn *net.UnixConn, p xsk.Prepared) error {
	d := preparedDescriptors{Object: p.Object[:]}
	var fds []int
	for name, fd := range p.Programs {
		d.Programs, fds = append(d.Programs, name), append(fds, fd)
	}
	for name, fd := range p.Maps {
		d.Maps, fds = append(d.Maps, name), append(fds, fd)
	}
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, _, err = conn.WriteMsgUnix(b, unix.UnixRights(fds...), nil)
	return err
}

// receivePrepared takes what has been sent: nil if nothing was, or nothing whole.
func receivePrepared(conn *net.UnixConn) *xsk.Prepared {
	if conn.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return nil
	}
	b, rights := make([]byte, maxPrepared), make([]byte, unix.CmsgSpace(4*maxPreparedDescriptors))
	n, m, _, _, err := conn.ReadMsgUnix(b, rights)
	if err != nil || n == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil || len(messages) != 1 {
		return nil
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil
	}
	var d preparedDescriptors
	if json.Unmarshal(b[:n], &d) != nil || len(fds) != len(d.Programs)+len(d.Maps) || len(d.Object) != 32 {
		closeAll(fds)
		return nil
	}
	p := &xsk.Prepared{Object: [32]byte(d.Object), Programs: make(map[string]int), Maps: make(map[string]int)}
	for i, name := range d.Programs {
		p.Programs[name] = fds[i]
	}
	for i, name := range d.Maps {
		p.Maps[name] = fds[len(d.Programs)+i]
	}
	return p
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// check has the program check the configuration with its own eyes: another
// version may see it differently, and when it runs it is too late. It returns the
// kernel program that it has loaded, nil if it has none.
func (s Self) check(ctx context.Context) (*xsk.Prepared, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkPatience, fmt.Errorf("it took longer than %v: is the machine overloaded?", checkPatience))
	defer cancel()
	// Whole messages, each with its descriptors.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket for the new program: %w", err)
	}
	its := os.NewFile(uintptr(pair[1]), prepareVariable)
	defer its.Close()
	ours, err := socketOf(pair[0])
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	cmd := exec.CommandContext(ctx, s.Program, s.Check...)
	cmd.ExtraFiles = []*os.File{its} // descriptor 3, os/exec says
	cmd.Env = append(os.Environ(), prepareVariable+"=3")
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		code := console.CodeConflict
		if bad, ok := errors.AsType[*exec.ExitError](err); ok && bad.ExitCode() == badConfiguration {
			code = console.CodeBadConfiguration
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause // Why it was killed says more than that it was.
		}
		return nil, &console.Error{
			Code:    code,
			Message: fmt.Sprintf("not restarted: %s %s: %v: %s", s.Program, strings.Join(s.Check, " "), err, refusal(said.String(), complained.String())),
			Cure:    "put it right and try again; the daemon goes on as it was",
		}
	}
	_ = its.Close()
	return receivePrepared(ours), nil
}

// refusal is what of a check's output says why it refuses: of its findings the errors,
// and if it has come to none, its complaint.
func refusal(said, complained string) string {
	var bad []string
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, health.LevelError.String()+": ") {
			bad = append(bad, strings.TrimSpace(line))
		}
	}
	if len(bad) > 0 {
		return strings.Join(bad, "\n")
	}
	// Whoever shows this writes the program's name before each line.
	text := strings.ReplaceAll("\n"+strings.TrimSpace(complained), "\nthresher: ", "\n")
	return strings.TrimSpace(text)
}
