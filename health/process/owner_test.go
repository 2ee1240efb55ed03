package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { leftout.Exit(m.Run()) }

const nobody = 65534

// impostor starts a process of another user that calls itself so.
func impostor(t *testing.T, name, seconds string) int {
	t.Helper()
	cmd := exec.Command("/bin/sleep", seconds)
	cmd.Args[0] = name
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
	awaitName(t, cmd.Process.Pid, seconds)
	return cmd.Process.Pid
}

func rootOnly(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		leftout.Skip(t, "only root may start processes of others")
	}
}

// What somebody has begun under a server's name, however early, does not come before
// the server.
func TestRootsComeFirst(t *testing.T) {
	rootOnly(t)
	older := impostor(t, "sleep: master process", "95.43215")
	server := sleeper(t, "95.43215").Process.Pid
	for started(server) == started(older) { // proc counts in ticks
		server = sleeper(t, "95.43215").Process.Pid
	}
	pids, err := Pattern{Name: "sleep", Args: regexp.MustCompile(`^95\.43215$`)}.Find()
	if err != nil || !slices.Contains(pids, server) || pids[len(pids)-1] != older {
		t.Errorf("%v, %v; want %d last", pids, err, older)
	}
}

func TestSurest(t *testing.T) {
	of := func(pid int) standing { return standing(pid / 100) } // 1 is ours, 101 another's, 201 in a session
	began := func(pid int) uint64 { return uint64(1000 - pid) }
	for _, tt := range []struct{ pids, want []int }{
		{nil, nil},
		{[]int{1, 2, 3}, []int{3, 2, 1}},
		{[]int{201, 101, 1, 202, 2, 102}, []int{2, 1, 102, 101}},
		{[]int{201, 101}, []int{101}},
		{[]int{201, 202}, []int{202, 201}}, // a server whose unit goes through a login
	} {
		if got := surest(slices.Clone(tt.pids), of, began); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.pids, got, tt.want)
		}
	}
}

func TestInSession(t *testing.T) {
	for cgroup, want := range map[string]bool{
		"0::/user.slice/user-1000.slice/session-3.scope\n":                       true,
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n": true,
		"1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n0::/\n":     true,
		"0::/../../user.slice/user-1000.slice/session-3.scope\n":                 true,
		"0::/user.slice/user-10001.slice/session-3.scope\n":                      false, // by sudo
		"0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n":  false,
		"0::/\n": false,
		"":       false,
	} {
		if got := inSession([]byte(cgroup), 1000); got != want {
			t.Errorf("%q: %v", cgroup, got)
		}
	}
}

func TestParseUsers(t *testing.T) {
	ids, err := parseUsers([]byte("Name:\tUid: 1\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t1\t1\t1\t1\n"))
	if err != nil || !slices.Equal(ids, []int{1000, 0, 0, 0}) {
		t.Errorf("%v, %v", ids, err)
	}
	for _, status := range []string{"", "Uid:\t1\n", "Uid:\ta\tb\tc\td\n"} {
		if ids, err := parseUsers([]byte(status)); err == nil {
			t.Errorf("%q: %v", status, ids)
		}
	}
	if ids, err := users(os.Getpid()); err != nil || len(ids) != 4 || ids[0] != os.Getuid() {
		t.Errorf("this process: %v, %v", ids, err)
	}
}

// A pid file names its owner's processes, and root's any.
func TestWhoMayName(t *testing.T) {
	rootOnly(t)
	mine, others := sleeper(t, "94.32154").Process.Pid, impostor(t, "sleep", "94.32154")
	for name, tt := range map[string]struct {
		owner, link int // of the file, and of a link to it if there is one
		pid         int
		want        bool
	}{
		"root's names root's":                   {0, -1, mine, true},
		"root's names another's":                {0, -1, others, true}, // start-stop-daemon --make-pidfile --chuid
		"another's names root's":                {nobody, -1, mine, false},
		"another's names their own":             {nobody, -1, others, true}, // as servers write it that have given root up
		"a third one's names another's":         {nobody - 1, -1, others, false},
		"root's link to root's":                 {0, 0, mine, true},
		"another's link to root's names root's": {0, nobody, mine, false},
		"root's link to another's names root's": {nobody, 0, mine, false},
	} {
		file := filepath.Join(t.TempDir(), "pid")
		must(t, os.WriteFile(file, []byte(strconv.Itoa(tt.pid)), 0o600))
		must(t, os.Chown(file, tt.owner, -1))
		if tt.link >= 0 {
			must(t, os.Symlink(file, file+"-link"))
			file += "-link"
			must(t, os.Lchown(file, tt.link, -1))
		}
		pids, err := Pattern{PidFile: file}.Find()
		if found := slices.Equal(pids, []int{tt.pid}); found != tt.want || (err == nil) != tt.want {
			t.Errorf("%s: %v, %v", name, pids, err)
		}
	}
}

// Each link in the place of a pid file is its owner's word, and a link may lead to itself.
func TestLinksToPidFiles(t *testing.T) {
	rootOnly(t)
	pid := sleeper(t, "93.32154").Process.Pid
	at := t.TempDir()
	must(t, os.Mkdir(filepath.Join(at, "d"), 0o700))
	must(t, os.WriteFile(filepath.Join(at, "pid"), []byte(strconv.Itoa(pid)), 0o600))
	for link, target := range map[string]string{"d/one": "../pid", "two": at + "/d/one", "other": "two", "last": "other", "round": "round", "nowhere": "none"} {
		must(t, os.Symlink(target, filepath.Join(at, link)))
	}
	must(t, os.Lchown(filepath.Join(at, "other"), nobody, -1))
	for name, want := range map[string]string{
		"two": "", "nowhere": "nothing",
		"last":  fmt.Sprintf("%s/last: it is user %d's, but the process that it names is not", at, nobody),
		"round": fmt.Sprintf("open %s/round: too many levels of symbolic links", at),
		"d":     fmt.Sprintf("read %s/d: is no regular file", at),
	} {
		pids, err := Pattern{PidFile: filepath.Join(at, name)}.Find()
		said := "nothing"
		switch {
		case err != nil:
			said = err.Error()
		case slices.Equal(pids, []int{pid}):
			said = ""
		}
		if said != want {
			t.Errorf("%s: %v, %v; want %q", name, pids, err, want)
		}
	}
}

// However often a file that names root's process is put in the place of root's own, and
// taken away again, it is never believed.
func TestPidFilesThatAreSwapped(t *testing.T) {
	rootOnly(t)
	meant, victim := sleeper(t, "92.32154").Process.Pid, sleeper(t, "92.32154").Process.Pid
	for _, link := range []bool{false, true} {
		at := t.TempDir()
		pid, other := filepath.Join(at, "pid"), filepath.Join(at, "other")
		must(t, os.WriteFile(pid, []byte(strconv.Itoa(meant)), 0o600))
		if link {
			must(t, os.WriteFile(filepath.Join(at, "victim"), []byte(strconv.Itoa(victim)), 0o600))
			must(t, os.Symlink("victim", other))
		} else {
			must(t, os.WriteFile(other, []byte(strconv.Itoa(victim)), 0o600))
		}
		must(t, os.Lchown(other, nobody, -1))
		stop, swapped := make(chan struct{}), make(chan error, 1)
		go func() { swapped <- swap(pid, other, stop) }()
		for range 1000 {
			if pids, err := (Pattern{PidFile: pid}).Find(); err == nil && !slices.Equal(pids, []int{meant}) {
				t.Errorf("a link: %v; %v is found, not %d", link, pids, meant)
				break
			}
		}
		close(stop)
		must(t, <-swapped)
	}
}

// swap has two files change their places until it is to stop.
func swap(a, b string, stop chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
			if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
				return err
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
