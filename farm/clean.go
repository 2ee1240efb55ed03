package farm

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"thresher/console"
	"thresher/farm/host"
	"thresher/xsk"
)

// Cleaning says what is to be taken back.
type Cleaning struct {
	// RunDir is where the nodes keep what they have changed.
	RunDir string
	// Node is the node of the configuration, which must not be running; empty if that
	// is not known, and then no node may.
	Node string
	// Socket is the API's.
	Socket string
}

// Clean takes back what crashed daemons have left on this machine: also under another
// name, which the node may have had before. It returns the nodes that had left something.
func Clean(c Cleaning, log *slog.Logger) (cleaned []string, err error) {
	nodes, err := nodesIn(c.RunDir)
	if err != nil {
		return nil, err
	}
	if c.Node != "" && !slices.Contains(nodes, c.Node) {
		nodes = append(nodes, c.Node) // its pins may be there without its directory
	}
	var failed []error
	for _, node := range nodes {
		had, err := cleanUnlocked(c.RunDir, node, log)
		switch {
		case errors.Is(err, host.ErrLocked) && c.Node != "" && node != c.Node:
		case err != nil:
			failed = append(failed, fmt.Errorf("node %s: %w", node, err))
		case had:
			cleaned = append(cleaned, node)
		}
	}
	return cleaned, errors.Join(append(failed, console.RemoveStale(c.Socket))...)
}

// nodesIn are the nodes that have been run with a run_dir.
func nodesIn(runDir string) (nodes []string, err error) {
	all, err := os.ReadDir(runDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the nodes of this machine: %w", err)
	}
	for _, e := range all {
		_, missing := os.Stat(filepath.Join(runDir, e.Name(), host.LockFile))
		if e.IsDir() && !errors.Is(missing, fs.ErrNotExist) {
			nodes = append(nodes, e.Name())
		}
	}
	return nodes, nil
}

// cleanUnlocked cleans up after a node that does not run, and tells whether it had left
// something.
func cleanUnlocked(runDir, node string, log *slog.Logger) (had bool, err error) {
	dir := filepath.Join(runDir, node)
	lock, err := host.Acquire(dir)
	if errors.Is(err, host.ErrLocked) {
		return false, fmt.Errorf("%w; stop its daemon first", err)
	}
	if err != nil {
		return false, err
	}
	left, _, err := host.Recorded(filepath.Join(dir, host.JournalFile))
	if err != nil {
		return false, errors.Join(err, lock.Release())
	}
	_, unpinned := os.Stat(xsk.PinDir(runDir, node))
	return len(left) > 0 || unpinned == nil, clean(runDir, node, lock, log)
}

// clean takes back what an earlier run of a node has left. lock is the node's, if this
// process has it.
func clean(runDir, node string, lock *host.Lock, log *slog.Logger) error {
	m, err := takeOver(runDir, node, lock)
	if err != nil {
		return err
	}
	if left := m.journal.Entries(); len(left) > 0 {
		log.Info("taking back what an earlier run has left on this machine", "node", node, "changes", len(left))
	}
	return errors.Join(m.disown(), xsk.RemovePins(xsk.PinDir(runDir, node)), removeHandOver(runDir, node), m.release())
}
