package farm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"thresher/config"
	"thresher/console"
	"thresher/internal/wholefile"
)

// kept is what of a node's life outlives a boot.
type kept struct {
	// Stopped says that an operator had stopped the node.
	Stopped bool `json:"stopped"`
	// Cordoned says that neither a boot nor a start may bring it up.
	Cordoned bool `json:"cordoned"`
}

func keptFile(cfg *config.Config) string {
	return filepath.Join(cfg.StateDir, "life-"+cfg.Node+".json")
}

// recall reads what was kept. Nothing kept is a node that nobody has stopped.
func recall(cfg *config.Config) (k kept, err error) {
	b, err := os.ReadFile(keptFile(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		return kept{}, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		return kept{}, fmt.Errorf("read what was kept of this node's life: %w", err)
	}
	return k, nil
}

// rememberStopped has the node know whether an operator has stopped it. Only a boot as
// before reads that from the disk: without one, a full disk keeps nobody from stopping.
func (l *local) rememberStopped(stopped bool) error {
	err := l.remember(func(k *kept) { k.Stopped = stopped })
	if err != nil && l.cfg.Life.Boot != config.BootAsBefore {
		l.kept.Stopped = stopped
		return nil
	}
	return err
}

// remember changes what is kept, on the disk first: what depends on it is done only if
// there is no error.
func (l *local) remember(change func(*kept)) error {
	k := l.kept
	change(&k)
	if k == l.kept {
		return nil
	}
	if err := k.write(keptFile(l.cfg)); err != nil {
		l.log.Error("this node's state will not outlive a boot", "err", err)
		return &console.Error{
			Code: console.CodeUnavailable, Message: "nothing is done, since it would not outlive a boot: " + err.Error(),
			Cure: "let the daemon write in " + l.cfg.StateDir + " (state_dir: its disk may be full or read-only), and try again",
		}
	}
	l.kept = k
	return nil
}

func (k kept) write(path string) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return wholefile.Replace(path, append(b, '\n'), 0o600)
}

// reset brings a node up that had stopped because of its services or checks, unless an
// operator has stopped or cordoned it.
func (l *life) reset(k kept) {
	if l.state == console.Stopped && k == (kept{}) {
		l.start(actionReset)
	}
}

// boot is how the node comes up with its daemon.
func (l *life) boot(cfg config.Life, k kept) {
	switch {
	case k.Cordoned:
		l.state, l.reason = console.Stopped, "cordoned before the daemon was started"
	case cfg.Boot == config.BootOff:
		l.state, l.reason = console.Stopped, "boot is off; thresher start brings it up"
	case cfg.Boot == config.BootAsBefore && k.Stopped:
		l.state, l.reason = console.Stopped, "stopped by an operator before the daemon was started"
	}
}
