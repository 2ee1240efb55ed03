package vm

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// series are the kernels that the lane boots.
var series = flag.String("vm.kernels", "", "run the tests on virtual machines with these series of Linux, such as 6.1,6.12,6.18")

// built is what every image is made of.
var built struct {
	dir   string // of what follows
	files map[string]string
}

func TestMain(m *testing.M) { leftout.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if *series == "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "thresher-vm-")
	if err == nil {
		defer os.RemoveAll(dir)
		built.dir = dir
		err = build()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build compiles guest and program, static, since there is no C library in the
// machines.
func build() error {
	for _, p := range append([]string{Emulator, "xz", "dpkg-deb", "ldd"}, programs()...) {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%w (apt-get install qemu-system-x86 xz-utils iproute2 ethtool iputils-ping arping ndisc6 nftables procps)", err)
		}
	}
	built.files = map[string]string{"thresher": filepath.Join(built.dir, "thresher")}
	return errors.Join(
		goCommand("build", "-o", filepath.Join(built.dir, "init"), "thresher/perf/vm/guest"),
		goCommand("build", "-o", built.files["thresher"], "thresher/cmd/thresher"),
	)
}

func goCommand(args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// programs are what set-up and tests run in the machines.
func programs() []string {
	return []string{"ip", "ethtool", "ping", "arping", "ndisc6", "nft", "sysctl", "tc", "true", "sleep", "cat"}
}

// forKernels runs a test for each kernel that was asked for.
func forKernels(t *testing.T, of []string, test func(t *testing.T, k Kernel, o Options)) {
	if *series == "" {
		leftout.Skip(t, "virtual machines take minutes: just test-vm")
	}
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	for s := range strings.SplitSeq(*series, ",") {
		if of != nil && !slices.Contains(of, s) {
			continue
		}
		t.Run(s, func(t *testing.T) {
			k, err := FetchKernel(t.Context(), s)
			must(t, err)
			o := Options{Kernel: k, Image: filepath.Join(t.TempDir(), "image")}
			must(t, writeImage(k, o.Image, built.files))
			test(t, k, o)
		})
	}
}

// writeImage writes an image with these files.
func writeImage(k Kernel, path string, files map[string]string) error {
	return Image{Kernel: k, Init: filepath.Join(built.dir, "init"), Files: files, Programs: programs()}.Write(path)
}

// newLab is a lab for virtual machines, which take their time.
func newLab(t *testing.T, c lab.Config) (context.Context, *lab.Lab) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	t.Cleanup(cancel)
	l, err := lab.New(ctx, c)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return ctx, l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
