package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { leftout.Exit(m.Run()) }

// favoured marks the process of TestOrdinary that is like a daemon under the unit.
const favoured = "COMMAND_TEST_FAVOURED"

// TestOrdinary: a command has nothing of what favours the daemon.
func TestOrdinary(t *testing.T) {
	if os.Getenv(favoured) != "" {
		runFavoured(t)
		return
	}
	if os.Geteuid() != 0 {
		leftout.Skip(t, "only root may favour a process")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Some machines don't let root have a process spared: see TestUnspare.
	script := `umask 077; (echo -900 > /proc/$$/oom_score_adj) 2> /dev/null; exec nice -n -10 "$0" -test.run '^TestOrdinary$' -test.v`
	cmd := exec.Command("/bin/sh", "-c", script, self)
	cmd.Env = append(os.Environ(), favoured+"=1", "NOTIFY_SOCKET=/nowhere", "WATCHDOG_USEC=1", "WATCHDOG_PID=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func runFavoured(t *testing.T) {
	// The score is set just after the start.
	const script = `umask; nice; echo "$NOTIFY_SOCKET$WATCHDOG_USEC$WATCHDOG_PID"
		for i in 1 2 3 4 5 6 7 8 9 10; do read score < /proc/$$/oom_score_adj; [ "$score" -lt 0 ] || break; sleep 0.1; done
		[ "$score" -ge 0 ] || echo "spared: $score"`
	if r := Run(t.Context(), sh(script)); r.Err != nil || r.Output != "0022\n0\n\n" {
		t.Errorf("umask, nice and variables are %q; %s", r.Output, r.Reason())
	}
	// The daemon itself stays as it was.
	if out, err := exec.Command("/bin/sh", "-c", "umask; nice").Output(); err != nil || string(out) != "0077\n-10\n" {
		t.Errorf("its own umask and nice are %q, %v", out, err)
	}
}

func TestUnspare(t *testing.T) {
	score := filepath.Join(t.TempDir(), "oom_score_adj")
	for was, want := range map[string]string{"-900\n": "0\n", "0\n": "0\n", "300\n": "300\n"} {
		if err := os.WriteFile(score, []byte(was), 0o600); err != nil {
			t.Fatal(err)
		}
		unspare(score)
		if got, err := os.ReadFile(score); err != nil || string(got) != want {
			t.Errorf("%q became %q, want %q, %v", was, got, want, err)
		}
	}
}
