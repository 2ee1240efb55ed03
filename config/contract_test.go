package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The contract's own example (DESIGN §8) is accepted word for word, but for the key
// file, whose path another test's machine need not have.
func TestContractExample(t *testing.T) {
	text, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	opts := noEnv()
	opts.Set = map[string]string{"cluster.key_file": keyFileIn(t, t.TempDir())}
	c, err := Parse(filepath.Join("testdata", "contract.yaml"), text, opts)
	if err != nil {
		t.Fatal(err)
	}
	if c.Datapath.ZeroCopy != ZeroCopyAuto || len(c.Rules[0].Ports) != 3 || c.Services[0].Within != 24*time.Hour || c.API.Socket != DefaultSocket {
		t.Errorf("read as %+v", c)
	}
}

func TestZeroCopy(t *testing.T) {
	for text, want := range map[string]ZeroCopy{"auto": ZeroCopyAuto, "on": ZeroCopyOn, "off": ZeroCopyOff} {
		c := mustParse(t, goodFile+"datapath: {zero_copy: "+text+"}\n", noEnv())
		if c.Datapath.ZeroCopy != want {
			t.Errorf("%s: %v", text, c.Datapath.ZeroCopy)
		}
		if c = mustParse(t, goodFile, Options{Env: []string{"THRESHER_DATAPATH_ZERO_COPY=" + text}}); c.Datapath.ZeroCopy != want {
			t.Errorf("environment %s: %v", text, c.Datapath.ZeroCopy)
		}
	}
}
