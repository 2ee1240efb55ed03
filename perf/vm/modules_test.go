package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A module that is built in needs no loading; one that the kernel does not have is
// an error.
func TestClosure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "modules.builtin"), []byte("kernel/net/virtio-console.ko\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "veth.ko"), []byte("no module"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := findModules(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := all.closure("virtio_console"); len(got) != 0 || err != nil {
		t.Errorf("built in: got %v, %v", got, err)
	}
	for name, want := range map[string]string{"bridge": "no module bridge", "veth": "veth.ko"} {
		if _, err := all.closure(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
