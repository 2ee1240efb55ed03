package vm

import (
	"cmp"
	"flag"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/internal/programtest"
	"thresher/perf/lab"
	"thresher/perf/vm/call"
)

// tests is for who looks for the cause of a failure.
var tests = flag.String("vm.tests", "", "run only these tests of the suites, a regular expression")

// suites are the packages whose tests run in the machines.
func suites() []string { return []string{"pipeline", "xsk", "arp", "farm/flows", "farm/host", "farm"} }

// buildSuites compiles the tests and returns where they and their data belong. The
// second time for an architecture takes no time: go has them in its cache.
func buildSuites(k Kernel) (map[string]string, error) {
	files := files(k)
	for _, s := range suites() {
		name := path.Join("tests", s, "test")
		files[name] = builtFor(k, strings.ReplaceAll(s, "/", "-")+".test")
		if err := goCommand(k, "test", "-c", "-ldflags", "-s -w", "-o", files[name], "thresher/"+s); err != nil {
			return nil, err
		}
		data := filepath.Join("..", "..", s, "testdata")
		if _, err := os.Stat(data); err == nil {
			files[path.Join("tests", s, "testdata")] = data
		}
	}
	return files, nil
}

// TestSuites runs the data plane's tests, as they are, on each kernel: every form of
// the kernel programs is loaded there, and held against the pipeline.
func TestSuites(t *testing.T) {
	forKernels(t, nil, func(t *testing.T, k Kernel, o Options) {
		files, err := buildSuites(k)
		must(t, err)
		must(t, writeImage(t.Context(), k, o.Image, files))
		ctx, l := newLab(t, lab.Config{Nodes: 1})
		o.CPUs, o.Memory = 2, 2048
		started := time.Now()
		m, err := Start(ctx, l, l.Nodes[0], o)
		must(t, err)
		t.Logf("Linux %s booted in %v", k.Release, time.Since(started).Round(100*time.Millisecond))
		for _, s := range suites() {
			t.Run(s, func(t *testing.T) {
				dir := path.Join("/tests", s)
				c := call.Command{
					Args: []string{dir + "/test", "-test.v", "-test.timeout=20m"}, Dir: dir,
					Env: []string{programtest.Variable + "=/thresher"},
				}
				c.Args = append(c.Args, "-test.run="+cmp.Or(*tests, only()[s]))
				r, err := m.Do(ctx, c)
				must(t, err)
				report(t, string(r.Stdout), string(r.Stderr), r.Exit)
			})
		}
	})
}

// only are the tests of packages not all of whose tests are about the kernel.
func only() map[string]string {
	return map[string]string{
		"farm": "^(TestProgram|TestTakesWhat|TestOtherState|TestKernelAgrees|TestShareIsSwapped)",
	}
}

// report judges the output of a test program with -test.v: what failed, and what
// was left out.
func report(t *testing.T, stdout, stderr string, exit int) {
	t.Helper()
	passed, skipped := 0, []string(nil)
	for line := range strings.Lines(stdout) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "--- PASS"):
			passed++
		case strings.HasPrefix(line, "--- SKIP"):
			skipped = append(skipped, line)
		}
	}
	t.Logf("%d passed, %d left out %q", passed, len(skipped), skipped)
	if exit != 0 || passed == 0 {
		t.Errorf("exit %d\n%s\n%s", exit, stdout[max(0, len(stdout)-20000):], stderr)
	}
}
