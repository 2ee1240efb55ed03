package farm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/console"
	"thresher/xsk"
)

// Self says how this process can run its program anew.
type Self struct {
	// Program is the path of the program's file. Another file there by then is
	// an upgrade.
	Program string
	// Args is the whole command line of this process.
	Args []string
	// Check is the command line, without the program, by which it checks the
	// configuration that Args has it run with.
	Check []string
	// File is the path of the configuration, and Parse reads another text for it.
	// Empty and nil are a daemon that has no file.
	File  string
	Parse func(text []byte) (*config.Config, error)
	// Load reads the configuration again. Nil has a reload refused.
	Load func() (*config.Config, error)
	// HandOver leaves everything in place at the end of Run, for the next process
	// to go on with.
	HandOver bool
	// Flush writes out what of the log has not been written yet, before another
	// program takes this process's place, as far as it can be in so long. Nil where
	// nothing is kept back.
	Flush func(limit time.Duration)
}

// How long the log may take to be written out: while this node goes on meanwhile, and of
// what has come since, when the others wait for it.
const (
	logPatience     = time.Second
	lastLogPatience = 50 * time.Millisecond
)

// flush writes the log out.
func (s Self) flush(limit time.Duration) {
	if s.Flush != nil {
		s.Flush(limit)
	}
}

// checkPatience is how long the new program may take to check its configuration and to
// load the kernel program: far beyond what a busy machine needs, since the daemon goes
// on meanwhile. With what the client waits for afterwards it is below what the unit
// gives a reload (TimeoutStartSec).
const checkPatience = 2 * time.Minute

// endPatience is the same for a process that ends, and that nobody waits for so long.
const endPatience = 10 * time.Second

// emptying is how long the queues get to read what came before the kernel program
// decided alone. A queue that sleeps is woken by the first packet.
const emptying = 10 * time.Millisecond

// Restart has the program that is at this one's path by now go on in the place of
// this process.
func (c control) Restart(ctx context.Context, ready func()) error {
	if err := c.loop.self.remains(c.loop.cfg); err != nil {
		return err
	}
	prepared, err := c.loop.self.check(ctx)
	if err != nil {
		return err
	}
	ready()
	return c.restart(ctx, prepared)
}

// restart has the loop run the program anew, unless it has ended. What was prepared is
// closed where that fails.
func (c control) restart(ctx context.Context, prepared *xsk.Prepared) (err error) {
	if prepared != nil {
		defer closeAll(prepared.Descriptors())
	}
	if ended := c.loop.do(context.WithoutCancel(ctx), func() { err = c.loop.front.restart(prepared) }); ended != nil {
		return ended
	}
	return err
}

// remains refuses a file that makes this node another one to this machine: what the
// node has here, its VIPs first of all, would be a stranger's to the check of that one.
// A file that cannot be read is for the new program to judge.
func (s Self) remains(cfg *config.Config) error {
	if s.Load == nil {
		return nil
	}
	next, err := s.Load()
	if err != nil {
		return nil
	}
	// Without VIPs there is no interface, neither before the first nor after the last.
	moves := len(cfg.VIPs) > 0 && len(next.VIPs) > 0 && next.Interface != cfg.Interface
	if next.Node == cfg.Node && next.RunDir == cfg.RunDir && !moves {
		return nil
	}
	return refuseAnother("restarted", cfg.Changes(next))
}

// restart runs the program anew, with the kernel program that it has prepared, if
// there is one. It returns only if that fails, and then the node
// goes on as if nothing had been asked. It blocks the loop meanwhile, so that
// what is handed over stays true.
func (l *loop) restart(prepared *xsk.Prepared) error { return l.restartFailed(l.runAnew(prepared)) }

// restartFailed tells of a restart that has returned.
func (l *local) restartFailed(err error) error {
	if err != nil {
		l.events.add(console.LevelError, console.KindRestartFailed, "the daemon could not be restarted and goes on: "+err.Error(), nil)
	}
	return err
}

func (l *loop) runAnew(prepared *xsk.Prepared) error {
	l.self.flush(logPatience)
	h := l.handOver()
	var err error
	if h.Descriptors, err = l.descriptors(); err != nil {
		return err
	}
	h.Descriptors.Prepared = prepared
	if err := l.datapath.program.SetHandOver(true); err != nil {
		return err
	}
	time.Sleep(emptying)
	taken, err := l.confirmation.Depart()
	if err != nil {
		return errors.Join(err, l.datapath.program.SetHandOver(false))
	}
	h.Handed = taken
	err = l.become(h)
	return errors.Join(err, l.confirmation.Stay(taken), l.datapath.program.SetHandOver(false))
}

// handOver is what is to be handed on, but for the protocol's part.
func (l *loop) handOver() *handed {
	h := l.local.handOver()
	h.XDP, h.VIPs, h.View, h.Responders = l.datapath.mode, l.cfg.VIPs, l.viewTold, l.bindings.responders
	return h
}

// handOver is what every node hands on.
func (l *local) handOver() *handed {
	return &handed{
		Version: handedVersion,
		Node:    l.cfg.Node, Interface: l.cfg.Interface, RunDir: l.cfg.RunDir, Socket: l.cfg.API.Socket,
		Digest: l.digest, Life: handLife(l.life),
		Roster: l.roster.hand(), Weights: l.weights.hand(),
		Application: l.handApplication(),
	}
}

// descriptors are the open files that the new program goes on with.
func (l *loop) descriptors() (descriptors, error) {
	d := descriptors{Lock: l.machine.lock.Descriptor(), Filters: make(map[string]int)}
	for mac, f := range l.machine.filters {
		d.Filters[mac.String()] = f.Descriptor()
	}
	d.addHooks(l.datapath.program.Hooks())
	var err error
	d.API, err = l.listening()
	return d, err
}

// listening is the descriptor of the API's socket.
func (l *local) listening() (fd int, err error) {
	u, ok := l.listener.(*net.UnixListener)
	if !ok {
		return 0, fmt.Errorf("the API's listener is a %T", l.listener)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(f uintptr) { fd = int(f) })
	return fd, err
}

// become runs the program in the place of this process. It returns only if that
// fails.
func (l *local) become(h *handed) error {
	h.Notify = l.events.waiting() // this process ends without telling it
	b, err := h.encode(l.events.ring.Since(0))
	if err != nil {
		return err
	}
	// What the new program inherits, a service's command that is started just then would
	// too, and keep the node's lock and its socket. Go starts none under this lock.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	memory, err := unix.MemfdCreate(handOverMemory, 0)
	if err != nil {
		return fmt.Errorf("make memory for what is to be handed over: %w", err)
	}
	f := os.NewFile(uintptr(memory), handOverMemory)
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("write what is to be handed over: %w", err)
	}
	if err := h.Descriptors.inheritable(true); err != nil {
		return errors.Join(err, h.Descriptors.inheritable(false))
	}
	// Until the new program listens, a SIGHUP is not to end it (signal(7): what is
	// ignored stays so over execve). It reads the file in any case.
	signal.Ignore(syscall.SIGHUP)
	defer l.listenToHangup()
	l.self.flush(lastLogPatience)
	env := append(os.Environ(), handOverVariable+"="+strconv.Itoa(memory))
	err = syscall.Exec(l.self.Program, l.self.Args, env)
	return errors.Join(fmt.Errorf("run %s: %w", l.self.Program, err), h.Descriptors.inheritable(false))
}

// leaveBehind leaves what a process that starts soon can go on with. The loop has
// ended. If it fails, this process has the node's life still, and can leave in order.
func (p *parts) leaveBehind() error {
	if _, _, pinned := p.datapath.program.Hooks().Descriptors(); !pinned {
		return errors.New("the kernel program is not pinned, and goes with this process")
	}
	h := p.left
	h.Descriptors.Prepared = p.prepareNext()
	if err := p.datapath.program.SetHandOver(true); err != nil {
		return err
	}
	time.Sleep(emptying)
	err := p.leaveState(h)
	if err != nil {
		err = errors.Join(err, p.datapath.program.SetHandOver(false))
	}
	return err
}

// leaveState ends the node's life in this process, and leaves it in a file.
func (p *parts) leaveState(h *handed) error {
	taken, err := p.confirmation.Depart()
	if err != nil {
		return err
	}
	h.Handed = taken
	if err = p.leaveFile(h); err == nil {
		return nil
	}
	return errors.Join(err, p.confirmation.Stay(taken))
}

// leaveFile writes what is handed over to where the next process finds it.
func (l *local) leaveFile(h *handed) error {
	b, err := h.encode(l.events.ring.Since(0))
	if err != nil {
		return err
	}
	if err := os.WriteFile(handOverFile(l.cfg.RunDir, l.cfg.Node), b, 0o600); err != nil {
		return fmt.Errorf("write what is to be handed over: %w", err)
	}
	return nil
}

// prepareNext has the kernel program loaded that the process after this one will
// need, and pins it; nil if that fails, and then that one loads it itself.
func (p *parts) prepareNext() *xsk.Prepared {
	ctx, cancel := context.WithTimeout(context.Background(), endPatience)
	defer cancel()
	prepared, err := p.self.check(ctx)
	if err != nil || prepared == nil {
		p.log.Warn("the next process has to load its kernel program itself", "why", err)
		return nil
	}
	defer closeAll(prepared.Descriptors())
	if err := prepared.Pin(xsk.PinDir(p.cfg.RunDir, p.cfg.Node)); err != nil {
		p.log.Warn("the next process has to load its kernel program itself", "why", err)
		return nil
	}
	return prepared
}
