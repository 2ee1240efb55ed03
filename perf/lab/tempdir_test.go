package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestRemoveDeadDirs(t *testing.T) {
	self, err := processIdentity(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	here, err := kernelAndNamespace()
	if err != nil {
		t.Fatal(err)
	}
	const noProcess = 1 << 30 // Above the kernel's largest number, 2^22.
	tests := []struct {
		name  string
		owner string
		kept  bool
	}{
		{fmt.Sprintf("thresher-lab-%d-1", os.Getpid()), self, true},
		{fmt.Sprintf("thresher-lab-%d-2", os.Getpid()), "another-boot pid:[1] 17\n", false},
		{fmt.Sprintf("thresher-lab-%d-3", os.Getpid()), "", true}, // Being made.
		{fmt.Sprintf("thresher-lab-%d-4", noProcess), self, false},
		{fmt.Sprintf("thresher-lab-%d-5", noProcess), "", true},
		{fmt.Sprintf("thresher-lab-%d-6", noProcess), here[0] + " pid:[1] 17\n", true}, // Of another PID namespace.
		{"thresher-lab-notes-2026", "", true},
		{"thresher-labour-1-1", "", true},
	}
	parent := t.TempDir()
	for _, tt := range tests {
		if err := os.Mkdir(filepath.Join(parent, tt.name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parent, tt.name, ownerFile), []byte(tt.owner), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeDeadDirs(parent); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		_, err := os.Stat(filepath.Join(parent, tt.name))
		if kept := err == nil; kept != tt.kept {
			t.Errorf("%s with owner %q: kept %t, want %t", tt.name, tt.owner, kept, tt.kept)
		}
	}
}
