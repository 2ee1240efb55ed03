package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrNotRegular is a directory, a FIFO or a device in the place of a file.
var ErrNotRegular = errors.New("is no regular file")

// ErrTooLarge is a file that is longer than any that is meant.
var ErrTooLarge = errors.New("larger")

// Open opens a regular file, or one that a link leads to, and waits for nobody: to open a
// FIFO otherwise waits for its writer. The error is of type *fs.PathError.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Read reads a regular file of at most so many bytes.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w than %d bytes", ErrTooLarge, most)}
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}
