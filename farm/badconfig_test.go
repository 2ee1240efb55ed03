package farm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
)

// A program that refuses its configuration is told from one that this machine can't
// run: the first is wrong usage to who has asked for a restart.
func TestCheckTellsABadConfiguration(t *testing.T) {
	for script, want := range map[string]string{"exit 2": console.CodeBadConfiguration, "exit 1": console.CodeConflict} {
		_, err := Self{Program: "/bin/sh", Check: []string{"-c", script}}.check(t.Context())
		if refused, ok := errors.AsType[*console.Error](err); !ok || refused.Code != want {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// A program that is not done in time is ended, and the error says so: by that it was
// killed nobody would know what to do.
func TestCheckSaysThatItTookTooLong(t *testing.T) {
	late := errors.New("it took longer than 20ms")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, late)
	defer cancel()
	_, err := Self{Program: "/bin/sh", Check: []string{"-c", "exec sleep 60"}}.check(ctx)
	if refused, ok := errors.AsType[*console.Error](err); !ok || refused.Code != console.CodeConflict || !strings.Contains(refused.Message, late.Error()) {
		t.Errorf("got %v", err)
	}
}

// Of what a check says only why it refuses is passed on.
func TestCheckSaysWhyItRefuses(t *testing.T) {
	for script, want := range map[string]string{
		"echo 'ok: the kernel'; echo 'error: no carrier; plug it in'; echo 'warn: slow'; echo 'thresher: see the errors above' >&2; exit 1": ": exit status 1: error: no carrier; plug it in",
		"echo 'thresher: line 3: colour' >&2; echo 'thresher: line 5: taste' >&2; exit 2":                                                   ": exit status 2: line 3: colour\nline 5: taste",
	} {
		_, err := Self{Program: "/bin/sh", Check: []string{"-c", script}}.check(t.Context())
		if refused, ok := errors.AsType[*console.Error](err); !ok || !strings.HasSuffix(refused.Message, want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// A restart does not make the node another one, and one whose file cannot be read is
// the new program's matter.
func TestRestartRemainsTheNode(t *testing.T) {
	cfg := &config.Config{Node: "web1", Interface: "eth0", RunDir: "/run/thresher", VIPs: []config.VIP{gatewayVIP}}
	for name, tc := range map[string]struct {
		change func(*config.Config)
		err    error
		want   string
	}{
		"as it was":         {func(*config.Config) {}, nil, ""},
		"another key":       {func(c *config.Config) { c.Cluster.Insecure = true }, nil, ""},
		"another name":      {func(c *config.Config) { c.Node = "web2" }, nil, "node.name: web2, was web1"},
		"another interface": {func(c *config.Config) { c.Interface = "eth1" }, nil, "interface: eth1, was eth0"},
		"VIPs given up":     {func(c *config.Config) { c.Interface, c.VIPs = "", nil }, nil, ""},
		"another run_dir":   {func(c *config.Config) { c.RunDir = "/run/other" }, nil, "run_dir: /run/other, was /run/thresher"},
		"no file":           {func(*config.Config) {}, errors.New("it is gone"), ""},
	} {
		next := *cfg
		tc.change(&next)
		err := Self{Load: func() (*config.Config, error) { return &next, tc.err }}.remains(cfg)
		refused, _ := errors.AsType[*console.Error](err)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (refused == nil || refused.Message != "not restarted: that makes this node another one: "+tc.want):
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Self{}).remains(cfg); err != nil {
		t.Errorf("without a file: %v", err)
	}
}
