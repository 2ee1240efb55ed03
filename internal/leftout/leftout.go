// Package leftout says which tests a run has left out, and why.
//
// `go test ./...` throws away what a package prints that passes, so a run without
// root would look as complete as one with it. A package whose tests need root
// calls Skip instead of t.Skip, and ends its TestMain with Exit:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit)) }
package leftout

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// record is what was left out so far. Only a process as a whole can know that,
// so it is the process's.
var record = struct {
	sync.Mutex
	names map[string][]string // by reason
}{names: make(map[string][]string)}

// Skip skips the test for a reason, and has Exit tell of it.
func Skip(t testing.TB, reason string) {
	t.Helper()
	record.Lock()
	record.names[reason] = append(record.names[reason], t.Name())
	record.Unlock()
	t.Skip("left out: " + reason)
}

// Exit ends a test's process, after a line to the person at the terminal for each
// reason to leave tests out.
func Exit(code int) {
	if code == 0 && !testing.Verbose() {
		tell(goCommand(), packageName())
	}
	os.Exit(code)
}

// tell writes a line for each reason.
func tell(w io.Writer, name string) {
	record.Lock()
	defer record.Unlock()
	for _, reason := range slices.Sorted(maps.Keys(record.names)) {
		tests := slices.Compact(slices.Sorted(slices.Values(record.names[reason])))
		// One write a line: packages are tested side by side.
		fmt.Fprintf(w, "%s: %d tests left out (%s): %s\n", name, len(tests), reason, strings.Join(tests, " "))
	}
}

// packageName is that of the package under test.
func packageName() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" {
		return strings.TrimSuffix(info.Path, ".test")
	}
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
}
