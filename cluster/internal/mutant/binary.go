package mutant

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// variable tells a process which mutants it is to be: their names, with commas between.
// Only the test binaries of [Build] ask for it.
const variable = "THRESHER_TEST_MUTANTS"

// Binary is a package's test binary in which mutants are built in.
type Binary struct {
	mutants []Mutant
	path    string // "" in a process of the binary itself
}

// Build builds the tests of the package in the working directory, with the mutants of
// the package in directory dir, which may be the same. Nothing is written to either.
func Build(t *testing.T, dir string, mutants []Mutant) *Binary {
	t.Helper()
	if os.Getenv(variable) != "" {
		return &Binary{mutants: mutants}
	}
	to := t.TempDir()
	overlay, err := write(to, dir, mutants)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, "mutants.test")
	// Nothing in here needs the race detector, cgo, or the machine that the tests
	// themselves were compiled for.
	build := exec.Command("go", "test", "-c", "-race=false", "-overlay", overlay, "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=", "GOARCH=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the mutants: %v\n%s", err, out)
	}
	return &Binary{mutants, path}
}

// Run calls f, which must fail t unless it notices something, in a process that is the
// mutants of these names; "" is none. It is this very test, in the binary, on one
// processor.
func (b *Binary) Run(t *testing.T, f func(), names ...string) {
	t.Helper()
	if b.path == "" {
		f()
		return
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	for _, name := range names {
		if !slices.ContainsFunc(b.mutants, func(m Mutant) bool { return m.Name == name }) {
			t.Fatalf("no mutant is called %q", name)
		}
	}
	process := exec.Command(b.path, append(flags(), "-test.v", "-test.timeout=10m", "-test.run="+only(t.Name()))...)
	process.Env = append(os.Environ(), variable+"="+strings.Join(names, ","), "GOMAXPROCS=1")
	out, err := process.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" (") {
		t.Errorf("as %q: %v\n%s", names, err, out)
		return
	}
	t.Log(said(string(out)))
}

// Caught fails unless something goes wrong in one of the runs from a seed on, most of them
// at most: run tells what, "" for nothing.
func Caught(t *testing.T, from uint64, most int, run func(seed uint64) string) {
	t.Helper()
	for i := range uint64(most) {
		if wrong := run(from + i); wrong != "" {
			t.Logf("seed %d: %s", from+i, wrong)
			return
		}
	}
	t.Errorf("not noticed in %d runs from seed %d", most, from)
}

// only is the pattern of one test and of those around it.
func only(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// flags are this process's that are a test's own, such as a first seed.
func flags() []string {
	var set []string
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") {
			set = append(set, fmt.Sprintf("-%s=%s", f.Name, f.Value))
		}
	})
	return set
}

// said is what a test has logged, without what the testing package says of it.
func said(out string) string {
	var logged []string
	for line := range strings.Lines(out) {
		if !framing.MatchString(line) {
			logged = append(logged, position.ReplaceAllString(strings.TrimSpace(line), ""))
		}
	}
	return strings.Join(logged, "\n")
}

var (
	framing  = regexp.MustCompile(`^(=== |PASS\n|\s*--- PASS: )`)
	position = regexp.MustCompile(`^\w+_test\.go:\d+: `)
)

// write writes what stands in the place of the package's files into directory to, and
// returns the file that lists it.
func write(to, dir string, mutants []Mutant) (overlay string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	replaced := make(map[string]string)
	put := func(name, text string) error {
		replaced[filepath.Join(dir, name)] = filepath.Join(to, name)
		return os.WriteFile(filepath.Join(to, name), []byte(text), 0o600)
	}
	var clause string
	for _, name := range files(mutants) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		broken, err := apply(name, string(text), mutants)
		if err != nil {
			return "", err
		}
		if err := put(name, broken); err != nil {
			return "", err
		}
		clause = string(packageClause.Find(text))
	}
	if err := put("mutated.go", clause+switches); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(to, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

var packageClause = regexp.MustCompile(`(?m)^package \w+\n`)

// switches follow the package clause of a file that is added to the broken package.
const switches = `
import (
	"os"
	"strings"
)

// mutated has the names of the mutants that this process is to be.
var mutated = func() map[string]bool {
	names := make(map[string]bool)
	for name := range strings.SplitSeq(os.Getenv("` + variable + `"), ",") {
		names[name] = true
	}
	return names
}()
`
