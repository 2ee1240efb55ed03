package leftout

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTellNamesTestsOnceByReason(t *testing.T) {
	for _, name := range []string{"b", "a"} {
		t.Run(name, func(t *testing.T) { Skip(t, "a reason of this test's") })
	}
	t.Run("c", func(t *testing.T) { Skip(t, "another reason") })
	var got bytes.Buffer
	tell(&got, "thresher/x")
	want := "thresher/x: 2 tests left out (a reason of this test's): TestTellNamesTestsOnceByReason/a TestTellNamesTestsOnceByReason/b\n" +
		"thresher/x: 1 tests left out (another reason): TestTellNamesTestsOnceByReason/c\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestDescriptorOfSharesThePlace(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := descriptorOf(os.Getpid(), int(f.Fd()))
	if err != nil {
		t.Skip(err) // a kernel that lets nobody duplicate descriptors
	}
	defer g.Close()
	for _, file := range []*os.File{f, g, f} {
		if _, err := file.WriteString("line\n"); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(f.Name()); string(b) != "line\nline\nline\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := descriptorOf(os.Getpid(), 1<<20); err == nil {
		t.Error("duplicated a descriptor that does not exist")
	}
}

func TestPackageName(t *testing.T) {
	if got := packageName(); got != "thresher/internal/leftout" && got != "leftout" {
		t.Errorf("got %q", got)
	}
}
