package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a directory that a package's script takes for the machine's.
type machine struct {
	t   *testing.T
	dir string
}

// run runs a script of deploy/package there, and returns what it has told the program.
func (m machine) run(script, argument string) (told string) {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join("package", script))
	if err != nil {
		m.t.Fatal(err)
	}
	inside := string(text)
	for _, path := range []string{"/etc/", "/run/", "/var/lib/"} {
		inside = strings.ReplaceAll(inside, path, m.dir+path)
	}
	const program = "thresher() { echo \"${THRESHER_RUN_DIR:-none} $*\" >>told; }\n"
	cmd := exec.Command("sh", "-c", program+inside, script, argument)
	cmd.Dir = m.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("%s: %v: %s", script, err, out)
	}
	said, _ := os.ReadFile(filepath.Join(m.dir, "told")) // it may have been told nothing
	return strings.ReplaceAll(string(said), m.dir, "")
}

func newMachine(t *testing.T, directories ...string) machine {
	m := machine{t, t.TempDir()}
	for _, dir := range append(directories, "etc/thresher") {
		if err := os.MkdirAll(filepath.Join(m.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"shop.yaml", "thresher.yaml", "zoo.yaml"} {
		if err := os.WriteFile(filepath.Join(m.dir, "etc/thresher", file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// What a crashed daemon of thresher@NAME has left is found where that unit writes it down.
func TestRemovalCleansUpAfterEveryFarm(t *testing.T) {
	m := newMachine(t, "run/thresher", "run/thresher-shop")
	const want = `/run/thresher-shop clean --config /etc/thresher/shop.yaml
none clean --config /etc/thresher/thresher.yaml
none clean --config /etc/thresher/zoo.yaml
`
	if told := m.run("preremove", "remove"); told != want {
		t.Errorf("told\n%swant\n%s", told, want)
	}
	if told := newMachine(t).run("preremove", "upgrade"); told != "" {
		t.Errorf("at an upgrade: %s", told)
	}
}

// A purge takes the state of every farm that is configured, and nobody else's.
func TestPurgeTakesItsOwn(t *testing.T) {
	own := []string{"run/thresher", "run/thresher-shop", "var/lib/thresher", "var/lib/thresher-shop", "var/lib/thresher-zoo"}
	const other = "var/lib/thresher-of-corn"
	m := newMachine(t, append(own, other)...)
	m.run("postremove", "purge")
	for _, dir := range own {
		if _, err := os.Stat(filepath.Join(m.dir, dir)); !os.IsNotExist(err) {
			t.Errorf("%s is there still: %v", dir, err)
		}
	}
	if _, err := os.Stat(filepath.Join(m.dir, other)); err != nil {
		t.Error(err)
	}
}
