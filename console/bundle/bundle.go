package bundle

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"
)

// dir is the directory that everything in the archive is in.
const dir = "thresher-report/"

// File is one file of an archive.
type File struct {
	Name string
	Text []byte
}

// Write writes the files as a tar.gz. masks, if there are any, are applied to the
// names and texts of all.
func Write(w io.Writer, at time.Time, files []File, masks *Masks) error {
	packed := gzip.NewWriter(w)
	archive := tar.NewWriter(packed)
	for _, f := range files {
		name, text := masks.Apply(f.Name), masks.Apply(string(f.Text))
		err := archive.WriteHeader(&tar.Header{Name: dir + name, Mode: 0o600, Size: int64(len(text)), ModTime: at, Format: tar.FormatPAX})
		if err == nil {
			_, err = io.WriteString(archive, text)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return errors.Join(archive.Close(), packed.Close())
}
