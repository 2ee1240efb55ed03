package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"thresher/console/access"
)

// withInput runs a command line with a standard input.
func withInput(t *testing.T, input string, args ...string) (out string, code int) {
	t.Helper()
	var b bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(input))
	root.SetOut(&b)
	root.SetErr(&b)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		b.WriteString(errorText(err))
	}
	return b.String(), exitCode(err)
}

func TestUsersAndTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	for _, tt := range []struct {
		input, line string
		code        int
		says        string
	}{
		{"", "user list", exitDone, ""},
		{"correct horse\n", "user add alice --role admin", exitDone, "alice may log in as admin"},
		{"correct horse\n", "user add alice", exitFailed, "already"},
		{"short\n", "user add bob", exitUsage, "shorter than 10"},
		{"", "user add bob", exitUsage, "standard input has no password"},
		{"", "token add bob --expires 90d", exitUsage, `--expires "90d": write a duration such as 90s, 15m or 720h; see thresher token add --help`},
		{"correct horse\n", "user add bob --role root", exitUsage, "admin, control or monitor"},
		{"correct horse\n", "user add ../bob", exitUsage, "is no name"},
		{"another horse\n", "user passwd alice", exitDone, "another password"},
		{"another horse\n", "user passwd carol", exitUsage, `no user "carol"`},
		{"", "user list", exitDone, "admin     alice\n"},
		{"", "token add prometheus --expires 720h", exitDone, "thr_"},
		{"", "token add prometheus", exitFailed, "twice"},
		{"", "token add x --expires 1s", exitUsage, "--expires"},
		{"", "token list", exitDone, "  prometheus\n"},
		{"", "token remove prometheus", exitDone, "counts no longer"},
		{"", "token remove prometheus", exitUsage, "no token"},
		{"", "user remove alice", exitDone, "no longer"},
		{"", "user remove alice", exitUsage, `no user "alice"`},
		{"", "user", exitUsage, "no command given"},
		{"", "token ad", exitUsage, "no command"},
	} {
		out, code := withInput(t, tt.input, append(strings.Fields(tt.line), "--users", file)...)
		if code != tt.code || !strings.Contains(out, tt.says) {
			t.Errorf("thresher %s: exit %d, %q, want %d and %q", tt.line, code, out, tt.code, tt.says)
		}
		if strings.Contains(out, "horse") {
			t.Errorf("thresher %s prints the password", tt.line)
		}
	}
	if f, err := access.Read(file); err != nil || len(f.Users)+len(f.Tokens) > 0 {
		t.Errorf("%+v, %v", f, err)
	}
}
