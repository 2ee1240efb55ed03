package vm

import (
	"fmt"
	"io"
)

// archive writes an initramfs: "newc" of cpio(5), as the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst has it.
type archive struct {
	w       io.Writer
	written int64
	inode   int
	err     error // the first one
}

// Kinds of file: S_IFDIR, S_IFREG, S_IFLNK and S_IFCHR of inode(7).
const (
	kindDirectory = 0o040000
	kindFile      = 0o100000
	kindDevice    = 0o020000
)

// trailer is the name of the entry that ends an archive.
const trailer = "TRAILER!!!"

func (a *archive) directory(name string)                { a.entry(name, kindDirectory|0o755, nil, 0, 0) }
func (a *archive) file(name string, mode int, b []byte) { a.entry(name, kindFile|mode, b, 0, 0) }
func (a *archive) device(name string, major, minor int) {
	a.entry(name, kindDevice|0o600, nil, major, minor)
}

// close ends the archive and returns the first error of all.
func (a *archive) close() error {
	a.entry(trailer, 0, nil, 0, 0)
	return a.err
}

// entry writes a header, the name and the contents, the last two padded to a
// multiple of four.
func (a *archive) entry(name string, mode int, b []byte, major, minor int) {
	a.inode++
	// magic, ino, mode, uid, gid, nlink, mtime, filesize, major and minor of the
	// file system, of the device, length of the name with its zero, checksum
	a.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.inode, mode, 0, 0, 1, 0, len(b), 0, 0, major, minor, len(name)+1, 0, name))
	a.pad()
	a.write(b)
	a.pad()
}

func (a *archive) pad() { a.write(make([]byte, -a.written&3)) }

func (a *archive) write(b []byte) {
	if a.err != nil {
		return
	}
	n, err := a.w.Write(b)
	a.written, a.err = a.written+int64(n), err
}
