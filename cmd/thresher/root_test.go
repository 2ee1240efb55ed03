package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/console/pcapng"
)

// fakeFarm is a daemon's farm of one node that does as it is told.
type fakeFarm struct {
	state     console.NodeState
	suspended bool
}

var _ console.Farm = (*fakeFarm)(nil)

func (f *fakeFarm) Status() console.Status {
	return console.Status{Node: "web1", State: f.state, Nodes: []console.Node{{Name: "web1", State: f.state}}}
}

func (f *fakeFarm) Start(context.Context) error { f.state = console.Up; return nil }

func (f *fakeFarm) Configuration() (console.Configuration, error) {
	return console.Configuration{Node: "web1", Text: "node: {}\n", ETag: console.ETagOf([]byte("node: {}\n"))}, nil
}

func (f *fakeFarm) Plan(context.Context, []byte) (console.Reload, error) {
	return console.Reload{Action: console.ReloadNothing}, nil
}

func (f *fakeFarm) Try(_ context.Context, _ []byte, _ string, _ console.Trial, begun func(console.Reload)) error {
	begun(console.Reload{Action: console.ReloadNothing})
	return nil
}

func (f *fakeFarm) Trial() console.Trial                          { return console.Trial{} }
func (f *fakeFarm) EndTrial(context.Context, console.Trial) error { return nil }
func (f *fakeFarm) Admit(context.Context, console.Newcomer) (console.Admission, error) {
	return console.Admission{}, nil
}
func (f *fakeFarm) AddPeer(context.Context, console.Newcomer) error { return nil }

func (f *fakeFarm) Keys(context.Context) (console.NodeKeys, error)        { return console.NodeKeys{}, nil }
func (f *fakeFarm) KeyOf(context.Context, string) (key [32]byte, ok bool) { return key, false }
func (f *fakeFarm) StepKeys(context.Context, config.KeyStep, string, [32]byte) error {
	return nil
}

func (f *fakeFarm) Restart(_ context.Context, ready func()) error { ready(); return nil }

func (f *fakeFarm) Stop(context.Context, bool) error { f.state = console.Stopped; return nil }
func (f *fakeFarm) Cordon(context.Context) error     { f.state = console.Stopped; return nil }
func (f *fakeFarm) Uncordon(context.Context) error   { f.state = console.Up; return nil }
func (f *fakeFarm) Reset(context.Context) error      { return nil }
func (f *fakeFarm) Suspend(_ context.Context, suspend bool) error {
	f.suspended = suspend
	return nil
}

func (f *fakeFarm) Reload(_ context.Context, check bool, begun func(console.Reload)) error {
	begun(console.Reload{Action: console.ReloadWeights, Changes: []string{"rules.web.weight: 50, was 100"}})
	return nil
}

func (f *fakeFarm) Weigh(_ context.Context, rule string, weight *uint8) error {
	if rule != "web" {
		return &console.Error{Code: console.CodeNotFound, Message: "there is no rule", Cure: "name one of: web"}
	}
	return nil
}

func (f *fakeFarm) Drain(context.Context, time.Duration) error {
	f.state = console.Draining
	return nil
}

// Capture tells of two packets, and goes on until it is interrupted.
func (f *fakeFarm) Capture(ctx context.Context, o console.CaptureOptions, each func(console.Captured) error) error {
	if o.Rule == "nosuch" {
		return &console.Error{Code: console.CodeNotFound, Message: "there is no rule \"nosuch\"", Cure: "name one of: web"}
	}
	packet := pcapng.Packet{Time: time.Unix(1, 0), Data: make([]byte, 60), Length: 60, Comment: "verdict=drop reason=not_mine"}
	err := each(console.Captured{})
	if err == nil {
		err = each(console.Captured{
			Packets: []pcapng.Packet{packet, packet}, CaptureStats: console.CaptureStats{Copied: 2, Lost: 3, Limited: 1, Turns: 4},
		})
	}
	<-ctx.Done()
	return err
}

func (f *fakeFarm) Datapath() console.Datapath { return console.Datapath{} }

func (f *fakeFarm) Buckets(string, int) (console.Buckets, error) { return console.Buckets{}, nil }

func (f *fakeFarm) Where(client netip.Addr, port uint16, rule string) ([]console.Where, error) {
	if rule != "web" {
		return nil, &console.Error{Code: console.CodeBadRequest, Message: "there is no such rule", Cure: "the rules are: web"}
	}
	return []console.Where{{Node: client.String(), Rule: rule, Bucket: int(port)}}, nil
}

// startDaemon serves the farm's API for the length of the test, and returns its
// address.
func startDaemon(t *testing.T, log *console.Log) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "thr")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "api.sock")
	l, err := console.ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	s := console.NewServer(&fakeFarm{state: console.Up}, log, nil)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-served, os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return "unix://" + path
}

// thresher runs a command line and returns its output, its error output and its
// exit code.
func thresher(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out bytes.Buffer
	stderr, code = thresherTo(ctx, &out, args...)
	return out.String(), stderr, code
}

func thresherTo(ctx context.Context, out io.Writer, args ...string) (stderr string, code int) {
	var errs bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(&errs)
	err := root.ExecuteContext(ctx)
	if err != nil {
		errs.WriteString(errorText(err))
	}
	return errs.String(), exitCode(err)
}

func TestWrongUsageExits2(t *testing.T) {
	for _, tt := range []struct{ line, says string }{
		{"", "no command given"},
		{"statsu", `did you mean status?`},
		{"zzzzzz", "see thresher --help"},
		{"completion", "no command given"},
		{"completion foo", `there is no command "foo"; see thresher completion --help`},
		{"--nonsense status", "--nonsense"},
		{"status --nonsense", "unknown flag: --nonsense; see thresher status --help"},
		{"drain --all --node web2", "--all and --node exclude one another: leave all but one out; see thresher drain --help"},
		{"stop --force --node web2", "--force and --node exclude one another"},
		{"stop --force --all", "--all and --force exclude one another"},
		{"start --node a --all", "--all and --node exclude one another"},
		{"status --farm --node n1", "--farm and --node exclude one another"},
		{"restart --all --node web", "--all and --node exclude one another"},
		{"status web1", `thresher status takes no argument: "web1"; name a node by --node`},
		{"check /etc/hostname", `thresher check takes no argument: "/etc/hostname"; name the file by --config`},
		{"version 1", `thresher version takes no argument: "1"; see thresher version --help`},
		{"help foo", `there is no command "foo"`},
		{"help user foo", `there is no command "foo"; see thresher user --help`},
		{"bench --runs x", `--runs "x": write a number; see thresher bench --help`},
		{"weight web -1", "weight -1 is not a number from 0 to 100\n"},
		{"weight web 50 --all --node web2", "--all and --node exclude one another"},
		{"weight web --node web2", "the weight is missing"},
		{"weight web -x", "unknown shorthand flag: 'x' in -x; see thresher weight --help"},
		{"init --web=0.0.0.0:9454", "no loopback address"},
		{"where", "write thresher where CLIENT[:PORT] [flags]; see thresher where --help"},
		{"where 192.0.2.7 192.0.2.8", "where --help"},
		{"where web1", `"web1" is not an address`},
		{"status --api http://127.0.0.1/", "unix:///run/thresher/api.sock"},
	} {
		_, stderr, code := thresher(t.Context(), strings.Fields(tt.line)...)
		if code != exitUsage || !strings.Contains(stderr, tt.says) {
			t.Errorf("thresher %s: exit %d, %q, want 2 and %q", tt.line, code, stderr, tt.says)
		}
	}
}

// What surrounds the daemon's own words is said, too: what was waited for, and how long.
func TestWaitSaysWhatDidNotCome(t *testing.T) {
	api := "unix://" + filepath.Join(t.TempDir(), "no.sock")
	_, stderr, code := thresher(t.Context(), "wait", "--timeout", "250ms", "--api", api)
	if code != exitFailed || !strings.HasPrefix(stderr, "thresher: not up within 250ms: no daemon at "+api) || !strings.Contains(stderr, "\n  ") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestWithoutDaemonExits1WithACure(t *testing.T) {
	api := "unix://" + filepath.Join(t.TempDir(), "no.sock")
	for _, line := range []string{"status", "status --watch", "start", "stop", "drain", "where 192.0.2.7", "events", "events -f", "traffic"} {
		stdout, stderr, code := thresher(t.Context(), append(strings.Fields(line), "--api", api)...)
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, api) || !strings.Contains(stderr, "thresher run --config") {
			t.Errorf("thresher %s: exit %d, %q, %q", line, code, stdout, stderr)
		}
	}
}

func TestCommandsOfARunningDaemon(t *testing.T) {
	log := console.NewLog(0)
	log.Add(console.Event{Kind: "node_up", Level: console.LevelInfo, Message: "web1 is up"})
	api := startDaemon(t, log)
	for _, tt := range []struct {
		line string
		code int
		says string
	}{
		{"drain --deadline 90s", exitDone, "web1 is draining\n"},
		{"drain --deadline -1s", exitUsage, "leave it out"},
		{"stop", exitDone, "web1 is stopped\n"},
		{"status", exitDone, "web1 is stopped\n1 node: 1 stopped"},
		{"start", exitDone, "web1 is up\n"},
		{"where [2001:db8::7]:40000 --rule web", exitDone, "2001:db8::7, by bucket 40000 of rule web\n"},
		{"where 192.0.2.7 --rule web --json", exitDone, `{"node":"192.0.2.7","rule":"web","bucket":0}` + "\n"},
		{"where 192.0.2.7 --rule wbe", exitUsage, "the rules are: web"},
		{"events", exitDone, "node_up  web1 is up\n"},
		{"events --json", exitDone, `"kind":"node_up"`},
		{"events --node web9", exitUsage, "the nodes are"},
		{"weight web 50", exitDone, ""},
		{"weight web 50 --node web1", exitDone, "web1: weight set\n"},
		{"weight web 0 --all --json", exitDone, `{"nodes":[{"name":"web1"}]}` + "\n"},
		{"weight web --reset --node web1", exitDone, "web1: weight set\n"},
		{"weight wbe 50 --node web1", exitUsage, "name one of: web"},
		{"weight web 50 --node web9", exitUsage, "the nodes are"},
		{"traffic", exitDone, "nothing is written down yet"},
		{"traffic --json", exitDone, `"interval_s":5`},
	} {
		stdout, stderr, code := thresher(t.Context(), append(strings.Fields(tt.line), "--api", api)...)
		if code != tt.code || !strings.Contains(stdout+stderr, tt.says) {
			t.Errorf("thresher %s: exit %d, %q, %q", tt.line, code, stdout, stderr)
		}
	}
}

func TestAPIByEnvironment(t *testing.T) {
	t.Setenv("THRESHER_API", startDaemon(t, console.NewLog(0)))
	stdout, stderr, code := thresher(t.Context(), "status", "--json")
	var s console.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || s.Node != "web1" || code != exitDone {
		t.Errorf("exit %d, %q, %q, %v", code, stdout, stderr, err)
	}
}

// What goes on until it is interrupted shows what there is, and exits 0 then.
func TestInterruptEndsWell(t *testing.T) {
	log := console.NewLog(0)
	log.Add(console.Event{Kind: "node_up"})
	api := startDaemon(t, log)
	for _, line := range []string{"events -f", "events --follow --json", "status --watch", "status --watch --json"} {
		ctx, interrupt := context.WithCancel(t.Context())
		out := &interrupter{interrupt: interrupt}
		stderr, code := thresherTo(ctx, out, append(strings.Fields(line), "--api", api)...)
		if code != exitDone || out.writes == 0 {
			t.Errorf("thresher %s: exit %d after %d writes, %q", line, code, out.writes, stderr)
		}
	}
}

// interrupter is an output that interrupts the program at the first line.
type interrupter struct {
	interrupt context.CancelFunc
	writes    int
}

func (i *interrupter) Write(p []byte) (int, error) {
	i.writes++
	i.interrupt()
	return len(p), nil
}

func TestVersionText(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc123"},
	}}
	for _, tt := range []struct {
		release    string
		info       *debug.BuildInfo
		begin, end string
	}{
		{"1.2.4", info, "thresher 1.2.4 go", "commit abc123 with local changes"},
		{"", info, "thresher v1.2.3 go", "commit abc123 with local changes"},
		{"", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "thresher (devel) go", ""},
		{"", nil, "thresher (unknown) go", ""},
	} {
		got := versionText(tt.release, tt.info)
		if !strings.HasPrefix(got, tt.begin) || !strings.HasSuffix(got, tt.end) || strings.HasSuffix(got, " ") {
			t.Errorf("versionText = %q", got)
		}
	}
}
