package modules

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"thresher/internal/wholefile"
)

// unitDirs are where systemd looks for units (systemd.unit(5)), below root.
var unitDirs = [...]string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// Missing says what of the module this machine does not have, and the cure.
func (m *Module) Missing(r *Rendered, root string) []error {
	cure := ""
	if len(m.Packages) > 0 {
		cure = ": apt-get install " + strings.Join(m.Packages, " ")
	}
	var missing []error
	for _, unit := range r.Units {
		if !slices.ContainsFunc(unitDirs[:], func(dir string) bool { return exists(filepath.Join(root, dir, unit)) }) {
			missing = append(missing, fmt.Errorf("unit %s is not on this machine%s", unit, cure))
		}
	}
	for _, program := range r.Programs {
		if _, err := exec.LookPath(filepath.Join(root, program)); err != nil {
			missing = append(missing, fmt.Errorf("program %s is not on this machine%s", program, cure))
		}
	}
	return missing
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// File is one that Install writes.
type File struct {
	Path, Text string
	// Mode is that of a new file; one that is replaced keeps its own.
	Mode fs.FileMode
}

// Written are the files of a module for one node: its configuration at path, its
// sysctls where they are read at the next boot, the rest in the node's directory.
func (m *Module) Written(r *Rendered, path, dir string) []File {
	files := []File{{path, r.Config, 0o600}} // it may hold secrets, as webhooks' URLs
	if r.Sysctl != "" {
		files = append(files, File{"/etc/sysctl.d/60-thresher-" + m.Name + ".conf", r.Sysctl, 0o644})
	}
	names := make([]string, 0, len(r.Files))
	for name := range r.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		files = append(files, File{filepath.Join(dir, name), r.Files[name], 0o644})
	}
	return files
}

// Install writes files below root: all of them, or none if one is there already and
// is not to be replaced.
func Install(root string, files []File, replace bool) error {
	var errs []error
	for _, f := range files {
		if path := filepath.Join(root, f.Path); !replace && exists(path) {
			errs = append(errs, fmt.Errorf("%s is there already: look at it, or replace it by --force", path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, f := range files {
		if err := put(filepath.Join(root, f.Path), f); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file, and the directories to it.
func put(path string, f File) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return wholefile.Replace(path, []byte(f.Text), f.Mode)
}
