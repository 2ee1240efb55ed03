package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"thresher/internal/wholefile"
)

// maxPidFile is far more than the few lines of any pid file, in bytes.
const maxPidFile = 4096

// maxLinks is how many links may lead to a file, as in the kernel (path_resolution(7)).
const maxLinks = 40

func (p Pattern) fromFile() ([]int, error) {
	text, owners, err := readOwned(p.PidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	pid, err := parsePid(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.PidFile, err)
	}
	ids, err := users(pid)
	if err != nil || !alive(pid) {
		return nil, nil
	}
	if err := mayName(p.PidFile, owners, ids); err != nil {
		return nil, err
	}
	return []int{pid}, nil
}

// parsePid reads the number in the first line of a pid file.
func parsePid(text []byte) (int, error) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil || pid < 1 {
		return 0, fmt.Errorf("%q is no number of a process", line)
	}
	return pid, nil
}

// readOwned reads a pid file, and says whose it is, and whose each link is that leads to
// it in its own place; directories on the way are the path's. Text and owners are of the
// same files, whatever is put in their places meanwhile.
func readOwned(path string) (text []byte, owners []int, err error) {
	for at := path; len(owners) <= maxLinks; {
		f, err := os.OpenFile(at, unix.O_PATH|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil, nil, err
		}
		owner, next, text, err := look(f)
		_ = f.Close() // nothing was written
		if err != nil || next == "" {
			return text, append(owners, owner), named(err, path)
		}
		owners = append(owners, owner)
		if strings.HasPrefix(next, "/") {
			at = next
		} else {
			at = at[:strings.LastIndexByte(at, '/')+1] + next // filepath.Join leaves out what comes before .., which may be a link
		}
	}
	return nil, nil, &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
}

// look says whose an opened file is, and where a link leads to or what another file says.
func look(f *os.File) (owner int, next string, text []byte, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, "", nil, err
	}
	owner = int(info.Sys().(*syscall.Stat_t).Uid)
	if info.Mode().Type() != fs.ModeSymlink {
		// The very file that is open (proc(5): /proc/pid/fd).
		text, err = wholefile.Read(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), maxPidFile)
		return owner, "", text, err
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", target) // of an opened link: readlink(2)
	return owner, string(target[:max(n, 0)]), nil, err
}

// named has an error name the file by its path.
func named(err error, path string) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		of.Path = path
	}
	return err
}

// mayName refuses a pid file whose owner has written another's process into it: what
// ends with a service must not be chosen by any but root and the user that it runs as.
// A link is its owner's word, too.
func mayName(file string, owners, ids []int) error {
	for _, owner := range owners {
		if !trusted(owner) && !slices.Contains(ids, owner) {
			return fmt.Errorf("%s: it is user %d's, but the process that it names is not", file, owner)
		}
	}
	return nil
}
