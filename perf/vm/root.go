package vm

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// rootPackages are those of Debian with what set-up and tests run in the machines.
const rootPackages = "iproute2,ethtool,iputils-ping,arping,ndisc6,nftables,procps"

// root is a directory with an architecture's programs and libraries.
type root struct {
	arch
	dir string
}

// fetchRoot is this machine's own root for its architecture, and for another one a
// directory with Debian's packages, unpacked. It is made once, and lies beside the kernels.
func fetchRoot(ctx context.Context, name string) (root, error) {
	a, err := archOf(name)
	if err != nil || name == runtime.GOARCH {
		return root{a, "/"}, err
	}
	cache, err := cacheDir()
	if err != nil {
		return root{}, err
	}
	dir := filepath.Join(cache, "programs-"+name)
	if _, err := os.Stat(dir); err == nil {
		return root{a, dir}, nil
	}
	temporary, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return root{}, err
	}
	defer os.RemoveAll(temporary)
	if err := makeRoot(ctx, name, filepath.Join(temporary, "debian"), filepath.Join(temporary, "root")); err != nil {
		return root{}, fmt.Errorf("vm: fetch programs for %s: %w (apt-get install debootstrap; %s names another mirror)", name, err, mirrorVariable)
	}
	return root{a, dir}, os.Rename(filepath.Join(temporary, "root"), dir)
}

// makeRoot unpacks what a Debian would be installed of. Nothing of it is run.
func makeRoot(ctx context.Context, name, debian, dir string) error {
	run := func(args ...string) error {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, out[max(0, len(out)-2000):])
		}
		return nil
	}
	mirror := cmp.Or(os.Getenv(mirrorVariable), defaultMirror)
	if err := run("debootstrap", "--foreign", "--arch="+name, "--variant=minbase", "--include="+rootPackages, "bookworm", debian, mirror); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(debian, "var/cache/apt/archives/*.deb"))
	for _, deb := range debs {
		err = errors.Join(err, run("dpkg-deb", "--extract", deb, dir))
	}
	return err
}

// program is the files of a program, without the root's path: itself, the loader, and
// its libraries with theirs.
func (r root) program(name string) ([]string, error) {
	path, err := r.find(name, "bin", "sbin", "usr/bin", "usr/sbin")
	if err != nil {
		return nil, err
	}
	files := []string{path}
	for i := 0; i < len(files); i++ {
		needed, err := r.needs(files[i])
		if err != nil {
			return nil, fmt.Errorf("vm: read %s: %w", files[i], err)
		}
		for _, n := range needed {
			if !slices.Contains(files, n) {
				files = append(files, n)
			}
		}
	}
	return files, nil
}

// needs is what a program or library is loaded with.
func (r root) needs(path string) (files []string, err error) {
	file, err := elf.Open(filepath.Join(r.dir, path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if section := file.Section(".interp"); section != nil {
		loader, err := section.Data()
		if err != nil {
			return nil, err
		}
		files = append(files, strings.Trim(string(loader), "/\x00"))
	}
	libraries, err := file.ImportedLibraries()
	for _, l := range libraries {
		found, e := r.find(l, "lib/"+r.triplet, "usr/lib/"+r.triplet, "lib64", "lib", "usr/lib")
		files, err = append(files, found), errors.Join(err, e)
	}
	return files, err
}

// find looks for a file in directories of the root.
func (r root) find(name string, dirs ...string) (string, error) {
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(filepath.Join(r.dir, path)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("vm: look for %s in %s of %s: %w", name, strings.Join(dirs, ", "), r.dir, fs.ErrNotExist)
}
