package vm

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// mirrorVariable names another mirror of Debian's archive than defaultMirror.
const (
	mirrorVariable = "THRESHER_TEST_VM_MIRROR"
	defaultMirror  = "https://deb.debian.org/debian"
)

// cacheVariable names another directory for what was fetched.
const cacheVariable = "THRESHER_TEST_VM_CACHE"

// suiteOf is the suite of Debian that has kernels of a series.
func suiteOf(series string) (string, error) {
	suites := map[string]string{"6.1": "bookworm", "6.12": "trixie", "6.18": "trixie-backports"}
	suite, ok := suites[series]
	if !ok {
		return "", fmt.Errorf("vm: no suite of Debian is known for Linux %s: 6.1, 6.12 and 6.18 are", series)
	}
	return suite, nil
}

// Kernel is one of Debian's kernels for virtual machines, unpacked.
type Kernel struct {
	// Release is what uname(2) says, such as 6.1.0-50-cloud-amd64. Its end is the
	// architecture.
	Release string
	// Image is the path of the compressed kernel.
	Image string
	// Modules is the directory of its modules.
	Modules string
}

// series is that of the release, such as 6.1.
func (k Kernel) series() string {
	numbers := strings.SplitN(k.Release, ".", 3)
	return strings.Join(numbers[:min(len(numbers), 2)], ".")
}

// architecture is as Debian and Go name it.
func (k Kernel) architecture() string { return k.Release[strings.LastIndexByte(k.Release, '-')+1:] }

// FetchKernel returns the newest kernel of a series, such as 6.12, or for another
// architecture than amd64 6.12-arm64. What was
// fetched once is used again without asking anybody; delete the directory (see
// cacheVariable) to have a newer one.
func FetchKernel(ctx context.Context, series string) (Kernel, error) {
	cache, err := cacheDir()
	if err != nil {
		return Kernel{}, err
	}
	dir := filepath.Join(cache, "linux-"+series)
	if k, err := findKernel(dir); err == nil {
		return k, nil
	}
	if err := fetchKernel(ctx, series, cache, dir); err != nil {
		return Kernel{}, fmt.Errorf("vm: fetch Linux %s: %w (%s names another mirror)", series, err, mirrorVariable)
	}
	return findKernel(dir)
}

func cacheDir() (string, error) {
	dir := os.Getenv(cacheVariable)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("vm: %w (set %s)", err, cacheVariable)
		}
		dir = filepath.Join(user, "thresher-vm")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// findKernel finds the one kernel of an unpacked package.
func findKernel(dir string) (Kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return Kernel{}, fmt.Errorf("vm: %d kernels in %s, want one", len(images), dir)
	}
	k := Kernel{Image: images[0]}
	_, k.Release, _ = strings.Cut(filepath.Base(k.Image), "-")
	for _, lib := range []string{"lib", "usr/lib"} {
		k.Modules = filepath.Join(dir, lib, "modules", k.Release)
		if _, err = os.Stat(k.Modules); err == nil {
			return k, nil
		}
	}
	return Kernel{}, fmt.Errorf("vm: find the modules of %s: %w", k.Release, err)
}

// fetchKernel unpacks the package beside the directory, and renames it when it is
// whole.
func fetchKernel(ctx context.Context, name, cache, dir string) error {
	series, architecture, _ := strings.Cut(name, "-")
	architecture = cmp.Or(architecture, "amd64")
	suite, err := suiteOf(series)
	if err != nil {
		return err
	}
	if _, err := archOf(architecture); err != nil {
		return err
	}
	p, err := findPackage(ctx, suite, series, architecture)
	if err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	file := filepath.Join(temporary, "package.deb")
	if err := download(ctx, p, file); err != nil {
		return err
	}
	unpacked := filepath.Join(temporary, "unpacked")
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "--extract", file, unpacked).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", p.file, err, out)
	}
	return os.Rename(unpacked, dir)
}

// debianPackage is a package as an index of Debian's archive has it.
type debianPackage struct{ name, file, sum string }

// findPackage returns the series' newest kernel of the flavour for virtual
// machines.
func findPackage(ctx context.Context, suite, series, architecture string) (debianPackage, error) {
	body, err := get(ctx, "dists/"+suite+"/main/binary-"+architecture+"/Packages.xz")
	if err != nil {
		return debianPackage{}, err
	}
	defer body.Close()
	xz := exec.CommandContext(ctx, "xz", "--decompress", "--stdout")
	xz.Stdin = body
	index, err := xz.StdoutPipe()
	if err != nil {
		return debianPackage{}, err
	}
	if err := xz.Start(); err != nil {
		return debianPackage{}, err
	}
	newest, err := newestKernel(index, series, architecture)
	if err := errors.Join(err, xz.Wait()); err != nil {
		return debianPackage{}, fmt.Errorf("read the index of %s: %w", suite, err)
	}
	if newest.name == "" {
		return debianPackage{}, fmt.Errorf("%s has no kernel %s", suite, series)
	}
	return newest, nil
}

// newestKernel reads an index: paragraphs of "Key: value", with empty lines
// between them.
func newestKernel(index io.Reader, series, architecture string) (newest debianPackage, err error) {
	var p debianPackage
	lines := bufio.NewScanner(index)
	lines.Buffer(nil, 1<<20)
	for more := true; more; {
		more = lines.Scan()
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case !more || lines.Text() == "":
			if strings.HasPrefix(p.name, "linux-image-"+series+".") && strings.HasSuffix(p.name, "-cloud-"+architecture) &&
				compareVersions(p.name, newest.name) > 0 {
				newest = p
			}
			p = debianPackage{}
		case key == "Package":
			p.name = value
		case key == "Filename":
			p.file = value
		case key == "SHA256":
			p.sum = value
		}
	}
	return newest, lines.Err()
}

// compareVersions compares names that differ in numbers, number by number.
func compareVersions(a, b string) int {
	numbers := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsDigit(r) })
	}
	x, y := numbers(a), numbers(b)
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if c := cmp.Compare(m, n); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

// download writes the package to a file, if it is what the index says.
func download(ctx context.Context, p debianPackage, path string) error {
	body, err := get(ctx, p.file)
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), body)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("fetch %s: %w", p.file, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.sum {
		return fmt.Errorf("%s has the SHA-256 sum %s, and the index says %s", p.file, got, p.sum)
	}
	return nil
}

// get asks the mirror for a file.
func get(ctx context.Context, path string) (io.ReadCloser, error) {
	url := strings.TrimSuffix(cmp.Or(os.Getenv(mirrorVariable), defaultMirror), "/") + "/" + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("fetch %s: %s", url, response.Status)
	}
	return response.Body, nil
}
