package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The test's own program is made of modules, too.
func TestDescribesAProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := run([]string{self}, &b); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || len(d.Components) == 0 || d.Components[0].Name != "std" || !strings.HasPrefix(d.Components[0].URL, "pkg:golang/std@go1.") {
		t.Errorf("%s", b.Bytes())
	}
}

func TestRefusesWhatIsNoProgram(t *testing.T) {
	for _, args := range [][]string{nil, {"main.go"}, {"nowhere"}, {"a", "b"}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
