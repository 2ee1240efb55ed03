package browser_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/console/access"
	"thresher/internal/farmtest"
	"thresher/internal/leftout"
	"thresher/internal/programtest"
	"thresher/perf/lab"
)

// shots is where pictures of every page go.
var shots = flag.String("browser.shots", os.Getenv("THRESHER_TEST_SHOTS"), "take pictures of every page into this directory; by default the one in THRESHER_TEST_SHOTS, if any")

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	lab.BeEchoProcess()
	beSimulatedConsole()
	leftout.Exit(programtest.Run(m, &binary))
}

// patience is how long the browser may take, with pictures and on a busy machine.
const patience = 170 * time.Second

const password = "correct horse"

// plan is what the script is told.
type plan struct {
	Browser  string   `json:"browser"`
	Profile  string   `json:"profile"`
	Nodes    []string `json:"nodes"`
	URLs     []string `json:"urls"`
	Password string   `json:"password"`
	Shots    string   `json:"shots"`
	Client   string   `json:"client"`
}

// An operator drains a node in the browser and sees it lose its share, starts it
// again, and loses another one; somebody who may only look changes nothing.
func TestConsoleInABrowser(t *testing.T) {
	node, modules, browser := tools(t)
	users := filepath.Join(t.TempDir(), "users")
	f := farmtest.New(t, binary, lab.Config{Nodes: 3}, lab.FarmOptions{Users: users})
	f.Must(addUsers(users))
	f.StartAll()
	f.StartEcho(f.Nodes...)
	traffic, quiet := context.WithCancel(f.Ctx)
	sent := make(chan error, 1)
	go func() { sent <- send(traffic, f) }()
	p := plan{Browser: browser, Profile: t.TempDir(), Password: password, Shots: *shots, Client: "192.0.2.77"}
	for _, n := range f.Nodes {
		p.Nodes, p.URLs = append(p.Nodes, n.Name), append(p.URLs, n.ConsoleURL())
	}
	drive(f, f.Client, browse{node, modules, "console.mjs"}, p, func(line string) {
		if line == "please kill the last node" {
			f.Kill(f.Nodes[2])
		}
	})
	quiet()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Errorf("the traffic ended: %v", err)
	}
}

// addUsers adds one of each role to a file, by the role's name.
func addUsers(file string) error {
	return access.Update(file, func(file *access.File) error {
		for _, r := range access.Roles() {
			file.Users = append(file.Users, access.User{Name: string(r), Role: r, Password: access.HashPassword(password)})
		}
		return nil
	})
}

// browse is a script in a browser.
type browse struct{ node, modules, script string }

// drive runs a script on a host and waits until it is done. Its lines are logged, and
// told to heard.
func drive(f *farmtest.Farm, on *lab.Host, b browse, plan any, heard func(string)) {
	f.T.Helper()
	text, err := json.Marshal(plan)
	f.Must(err)
	script, err := filepath.Abs(b.script)
	f.Must(err)
	out, in := io.Pipe()
	defer in.Close()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			f.T.Log(lines.Text())
			heard(lines.Text())
		}
	}()
	env := append(os.Environ(), "NODE_PATH="+b.modules, "PLAN="+string(text))
	process, err := on.StartWith(lab.ProcessOptions{Env: env, Stdout: in}, b.node, script)
	f.Must(err)
	select {
	case <-process.Done():
	case <-time.After(patience):
		f.Must(process.Kill())
		f.T.Error("the browser is not done in time")
	}
	in.Close()
	<-asked
	if err := process.Wait(); err != nil {
		f.T.Errorf("%v:\n%s", err, process.Tail(4000))
	}
}

// send keeps something on the wire for the charts to show.
func send(ctx context.Context, f *farmtest.Farm) error {
	for {
		s := lab.SYNs{To: netip.AddrPortFrom(lab.VIP(), 80), MAC: f.VMAC(), From: lab.SYNSources(2000), Rate: 400}
		if _, err := f.Client.SendSYNs(ctx, s); err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// tools finds what drives a browser: node, playwright-core and chromium.
func tools(t *testing.T) (node, modules, browser string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		leftout.Skip(t, "node is not installed")
	}
	if browser, err = exec.LookPath("chromium"); err != nil {
		leftout.Skip(t, "chromium is not installed")
	}
	if modules = os.Getenv("NODE_PATH"); modules == "" {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, "npm", "root", "--global").Output()
		if err != nil {
			leftout.Skip(t, "npm is not installed")
		}
		modules = strings.TrimSpace(string(out))
	}
	if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil {
		leftout.Skip(t, "playwright-core is not installed: npm install --global playwright-core axe-core")
	}
	return node, modules, browser
}
