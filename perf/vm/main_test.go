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
var series = flag.String("vm.kernels", "", "run the tests on virtual machines with these series of Linux, such as 6.1,6.12,6.18-arm64")

// built is where what every image is made of is, in a directory for each architecture.
var built struct{ dir string }

func builtFor(k Kernel, name string) string {
	return filepath.Join(built.dir, k.architecture(), name)
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
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build compiles guest and program, static, since there is no C library in the
// machines. What is there for an architecture already stays.
func build(k Kernel) error {
	a, err := archOf(k.architecture())
	if err != nil {
		return err
	}
	for _, p := range []string{a.emulator, "xz", "dpkg-deb"} {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%w (apt-get install qemu-system-x86 qemu-system-arm xz-utils dpkg)", err)
		}
	}
	if _, err := os.Stat(builtFor(k, "init")); err == nil {
		return nil
	}
	return errors.Join(
		goCommand(k, "build", "-o", builtFor(k, "thresher"), "thresher/cmd/thresher"),
		goCommand(k, "build", "-o", builtFor(k, "init"), "thresher/perf/vm/guest"),
	)
}

func goCommand(k Kernel, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOARCH="+k.architecture())
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
			must(t, build(k))
			o := Options{Kernel: k, Image: filepath.Join(t.TempDir(), "image")}
			must(t, writeImage(t.Context(), k, o.Image, files(k)))
			test(t, k, o)
		})
	}
}

// files are what every image has.
func files(k Kernel) map[string]string {
	return map[string]string{"thresher": builtFor(k, "thresher")}
}

// writeImage writes an image with these files.
func writeImage(ctx context.Context, k Kernel, path string, files map[string]string) error {
	root, err := fetchRoot(ctx, k.architecture())
	if err != nil {
		return err
	}
	return Image{Kernel: k, Init: builtFor(k, "init"), Files: files, Programs: programs(), Root: root}.Write(path)
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
