package farm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/console"
	"thresher/farm/clock"
	"thresher/xsk"
)

// handOverVariable names the descriptor of the memory in which a process finds
// what it handed to itself, and handOverMemory that memory.
const (
	handOverVariable = "THRESHER_HANDOVER_FD"
	handOverMemory   = "thresher-handover"
)

// maxHandOver bounds what is read, in bytes: far above a full log of events.
const maxHandOver = 64 << 20

// inherit returns what this process handed to itself when it ran its program
// anew; nil if it did not. Where that is another node's, since the configuration
// has changed, what that node has left on the machine is taken back.
func (l *local) inherit() (*handed, error) {
	text, ok := os.LookupEnv(handOverVariable)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(handOverVariable); err != nil {
		return nil, err
	}
	b, err := readMemory(text)
	if err != nil {
		return nil, fmt.Errorf("read what was handed over: %w", err)
	}
	h, err := decodeHanded(b)
	if err != nil {
		l.log.Warn("this node begins anew", "why", err)
		return nil, h.close()
	}
	if h.fits(l.cfg) {
		return h, nil
	}
	l.log.Warn("this node begins anew: the configuration makes it another one", "was", h.Node, "is", l.cfg.Node)
	h.resume(l) // whoever has asked for the restart follows the events by number
	if err := h.close(); err != nil || h.Node == l.cfg.Node && h.RunDir == l.cfg.RunDir {
		return nil, err
	}
	return nil, clean(h.RunDir, h.Node, nil, l.log)
}

// readMemory reads the memory that a variable names, and gives it back.
func readMemory(text string) ([]byte, error) {
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", handOverVariable, err)
	}
	// Whatever else has this number is not ours.
	if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || !strings.HasPrefix(name, "/memfd:"+handOverMemory) {
		return nil, fmt.Errorf("%s=%d: %q is not what a hand-over makes (%w)", handOverVariable, fd, name, err)
	}
	f := os.NewFile(uintptr(fd), handOverMemory)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxHandOver))
	return b, errors.Join(err, f.Close())
}

// list is all that there are.
func (d descriptors) list() (fds []int) {
	for _, fd := range []int{d.Lock, d.API, d.XDP, d.TCX} {
		if fd != 0 {
			fds = append(fds, fd)
		}
	}
	for _, fd := range d.Filters {
		fds = append(fds, fd)
	}
	if d.Prepared != nil {
		fds = append(fds, d.Prepared.Descriptors()...)
	}
	return fds
}

// handOverFile is where a process leaves what another one may go on with.
func handOverFile(runDir, node string) string { return filepath.Join(runDir, node, "handover") }

func removeHandOver(runDir, node string) error {
	if err := os.Remove(handOverFile(runDir, node)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what was handed over: %w", err)
	}
	return nil
}

// pickUp returns what the process before this one has left in a file; nil if it
// left nothing, or longer ago than patience: a lease, after which the others have
// given its buckets away. The file is gone afterwards, since nobody may go on from there twice.
func pickUp(cfg *config.Config, patience time.Duration, log *slog.Logger) *handed {
	defer func() { _ = xsk.RemovePrepared(xsk.PinDir(cfg.RunDir, cfg.Node)) }() // what is left goes with the node's other pins
	b, err := os.ReadFile(handOverFile(cfg.RunDir, cfg.Node))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var h *handed
	if err = errors.Join(err, removeHandOver(cfg.RunDir, cfg.Node)); err == nil {
		h, err = decodeHanded(b)
	}
	if err != nil {
		log.Warn("this node begins anew", "why", err)
		return nil
	}
	prepared := h.Descriptors.Prepared
	h.Descriptors = descriptors{} // of a process that is gone
	ago := clock.Now().Sub(h.Taken)
	if !h.fits(cfg) || ago < 0 || ago > patience {
		log.Warn("this node begins anew: what was left for it is too old, or another node's", "age", ago)
		return nil
	}
	h.pickUp(prepared, log)
	return h
}

// pickUp opens the kernel program that the process before this one has had loaded.
func (h *handed) pickUp(prepared *xsk.Prepared, log *slog.Logger) {
	if prepared == nil {
		return
	}
	picked, err := prepared.PickUp(xsk.PinDir(h.RunDir, h.Node))
	if err != nil {
		log.Warn("the kernel program that was prepared is not used", "why", err)
		return
	}
	h.Descriptors.Prepared = &picked
}

// resume puts back what the others in the daemon see, when there is time for it.
func (h *handed) resume(l *local) {
	if h == nil {
		return
	}
	var events []console.Event
	if err := json.NewDecoder(bytes.NewReader(h.events)).Decode(&events); err != nil {
		l.log.Warn("the events from before the restart are lost", "err", err)
		return
	}
	l.events.ring.Resume(events)
}

// resumeWeights takes over what was said of this node's weights.
func (h *handed) resumeWeights(w *weights) {
	if h != nil {
		w.resume(h.Weights)
	}
}

// resume is the loop as it was, where the protocol went on.
func (l *loop) resume(h *handed) {
	if h == nil || !h.resumed {
		return
	}
	l.local.resume(h)
	l.bindings.responders = h.Responders
	l.viewTold = h.View // the view may have changed meanwhile
}

// resume is what every node goes on with.
func (l *local) resume(h *handed) {
	l.life = h.Life.life()
	l.told, l.takes = l.life.state, l.life.takesPart()
	l.roster.resume(time.Now(), h.Roster)
	// Gossip knows nobody yet, which says nothing about the others.
	l.rejoining = true
}

// restarted tells how a restart went. pause is how long the others did not hear this
// node.
func (l *local) restarted(pause time.Duration) {
	h := l.handed
	switch {
	case h == nil && !l.inPlace:
	case h != nil && h.resumed:
		l.events.add(console.LevelInfo, console.KindRestarted,
			fmt.Sprintf("the daemon was restarted and this node went on: it was silent for %v", pause.Round(time.Millisecond)),
			map[string]string{"pause_ms": strconv.FormatInt(pause.Milliseconds(), 10)})
	default:
		l.events.add(console.LevelWarn, console.KindRestarted, "the daemon was restarted and this node began anew", nil)
	}
}

// macOf reads an Ethernet address that this program has written.
func macOf(text string) (mac config.MAC) {
	if a, err := net.ParseMAC(text); err == nil {
		copy(mac[:], a)
	}
	return mac
}

// inheritable lets the descriptors through execve(2), or not.
func (d descriptors) inheritable(on bool) error {
	flags := unix.FD_CLOEXEC
	if on {
		flags = 0
	}
	for _, fd := range d.list() {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags); err != nil {
			return fmt.Errorf("hand descriptor %d over: %w", fd, err)
		}
	}
	return nil
}

// addHooks adds the hooks' descriptors where they are not pinned.
func (d *descriptors) addHooks(hooks *xsk.Hooks) {
	xdp, tcx, pinned := hooks.Descriptors()
	if pinned {
		return
	}
	d.XDP = xdp
	if tcx >= 0 {
		d.TCX = tcx
	}
}
