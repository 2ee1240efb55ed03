package manual

import "strings"

// exception is a command that the pages have and that is not run here: how its line
// begins, and why.
type exception struct{ begins, why string }

// leftOut are all of them.
func leftOut() []exception {
	return []exception{
		{"dpkg ", "no package is built here: deploy/package/try installs it in a fresh Debian, TestPackage of perf/vm under systemd"},
		{"thresher capture -w - ", "goes on until somebody ends it"},
		{"thresher netcheck ", "takes ten seconds; farm/e2e_netcheck_test.go runs it"},
		{"thresher user add ", "asks for a password; people_test.go of console and user_test.go of cmd/thresher do it"},
		{"thresher fingerprint ", "the farm of tutorial.md has no HTTPS address; TestConsoleFromOutside of farm does it"},
		{"web1# ", "tutorial.md has the same commands"},
		{"web2# ", "tutorial.md has the same commands"},
	}
}

// reason says why a command is not run; "" if it is.
func reason(text string) string {
	for _, e := range leftOut() {
		if strings.HasPrefix(text, e.begins) {
			return e.why
		}
	}
	return ""
}
