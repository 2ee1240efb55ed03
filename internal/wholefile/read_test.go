package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadTakesRegularFilesAlone(t *testing.T) {
	dir := t.TempDir()
	file, fifo, link := filepath.Join(dir, "file"), filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("12345"), 0o600), syscall.Mkfifo(fifo, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		most int64
		want error
	}{
		{file, 5, nil},
		{link, 6, nil},
		{file, 4, ErrTooLarge},
		{fifo, 5, ErrNotRegular},
		{dir, 5, ErrNotRegular},
		{"/dev/zero", 5, ErrNotRegular},
		{filepath.Join(dir, "none"), 5, os.ErrNotExist},
	} {
		text, err := Read(tt.path, tt.most)
		if !errors.Is(err, tt.want) || err == nil && string(text) != "12345" || err != nil && !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s, at most %d: %q, %v", tt.path, tt.most, text, err)
		}
	}
}
