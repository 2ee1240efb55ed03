package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// noted is a test that notes what it is told.
type noted struct {
	testing.TB
	errors []string
}

func (n *noted) Helper() {}
func (n *noted) Errorf(_ string, args ...any) {
	n.errors = append(n.errors, args[len(args)-1].(string))
}

func TestCompare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("as it was\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &noted{TB: t}
	if Compare(n, path, "as it was\n"); len(n.errors) != 0 {
		t.Errorf("the same: %q", n.errors)
	}
	if Compare(n, path, "otherwise\n"); len(n.errors) != 1 || !strings.Contains(n.errors[0], "otherwise") {
		t.Errorf("another text: %q", n.errors)
	}
}
