package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"thresher/internal/wholefile"
)

// Journal makes changes to this machine, and records each before it makes it.
// It may be used from several goroutines. Hold the node's Lock meanwhile.
type Journal struct {
	path string

	mu    sync.Mutex
	state state
	// restored is OnRestore's.
	restored func(Entry)
}

// OnRestore has f told of each recorded change that somebody else has undone, when
// it is made again. f must not use the journal.
func (j *Journal) OnRestore(f func(Entry)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.restored = f
}

// again tells of a change that was made again. The caller holds j.mu.
func (j *Journal) again(e Entry) {
	if j.restored != nil {
		j.restored(e)
	}
}

// JournalFile is a journal's name in the node's directory, RunDir/NODE.
const JournalFile = "restore.json"

// Open opens the journal at path (RunDir/NODE/JournalFile), or begins an empty
// one, and makes its directory with mode 0700. It may hold changes of an earlier
// run that did not end cleanly: Undo these before making new ones. The error is
// ErrDamaged when there is a file that cannot be understood.
func Open(path string) (*Journal, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("directory for the record of changes: %w", err)
	}
	s, err := readState(path, boot)
	if err != nil {
		return nil, err
	}
	return &Journal{path: path, state: s}, nil
}

// Entries returns the changes that have not been undone, oldest first. The slice
// is the caller's own.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.state.Entries)
}

// Undo undoes all changes, the last one first, and removes the file. Something
// that is gone already counts as undone. It goes on after an error; what could
// not be undone stays in the journal, and the errors come back joined.
func (j *Journal) Undo() error {
	return j.UndoExcept(func(Entry) bool { return false })
}

// UndoExcept is Undo for the changes that keep does not want. Those that it does
// stay made and recorded: to make them again does no more than to see to it that
// they are there.
func (j *Journal) UndoExcept(keep func(Entry) bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var failed []error
	var left []Entry
	for _, e := range slices.Backward(j.state.Entries) {
		if keep(e) {
			left = append(left, e)
		} else if err := undo(e); err != nil {
			failed = append(failed, fmt.Errorf("undo %v: %w", e, err))
			left = append(left, e)
		}
	}
	slices.Reverse(left)
	if len(left) == len(j.state.Entries) && len(left) > 0 {
		return errors.Join(failed...) // as it was
	}
	j.state.Entries = left
	return errors.Join(append(failed, j.save())...)
}

func undo(e Entry) error {
	switch e.Kind {
	case KindSysctl:
		return restoreSysctl(e.Name, e.Old)
	case KindAddress:
		return removeAddress(e.Link, e.Prefix)
	case KindLink:
		return deleteVeth(e.Link, e.Owner)
	case KindMAC:
		return refuseMAC(e.Link, e.MAC)
	case KindPromiscuous:
		return acceptOwn(e.Link)
	}
	return fmt.Errorf("unknown kind of change %q", e.Kind)
}

// save writes the journal's file, or removes it when there is nothing in it.
func (j *Journal) save() error {
	if len(j.state.Entries) > 0 {
		return writeState(j.path, j.state)
	}
	if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the record of changes: %w", err)
	}
	if err := wholefile.SyncDir(filepath.Dir(j.path)); err != nil {
		return fmt.Errorf("remove the record of changes: %w", err)
	}
	return nil
}

// make records the entry and then does what it is the record of. If that fails,
// the record goes again: undoing a change that somebody else made meanwhile
// would be worse than none. The caller holds j.mu.
func (j *Journal) make(e Entry, do func() error) error {
	if err := j.record(e); err != nil {
		return err
	}
	if err := do(); err != nil {
		j.state.Entries = j.state.Entries[:len(j.state.Entries)-1]
		return errors.Join(err, j.save())
	}
	return nil
}

// ensure makes a change that does no harm twice: one that is recorded is made anew, if
// it has gone since. The caller holds j.mu.
func (j *Journal) ensure(e Entry, do func() error) error {
	if j.holds(e) {
		return do()
	}
	return j.make(e, do)
}

func (j *Journal) record(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	j.state.Entries = append(j.state.Entries, e)
	if err := j.save(); err != nil {
		j.state.Entries = j.state.Entries[:len(j.state.Entries)-1]
		return err
	}
	return nil
}

// holds tells whether a change of the kind to the link, with the prefix, is
// recorded. The caller holds j.mu.
func (j *Journal) holds(e Entry) bool { return slices.Contains(j.state.Entries, e) }
