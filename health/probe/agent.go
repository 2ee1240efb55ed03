package probe

import (
	"strconv"
	"strings"
)

// parseAgent reads what a server says of itself, in the words of HAProxy's
// agent-check: "75%" or "75 %" is its weight, "up" and "ready" are all of it,
// "drain" none of it, "down", "fail", "stopped" and "maint" that it is not well;
// what follows a # is the reason. Words are divided by spaces and commas, and the
// last one of a kind counts.
func parseAgent(line string) Result {
	line, _, _ = strings.Cut(line, "\n")
	line, reason, _ := strings.Cut(line, "#")
	r := Result{OK: true, Detail: clip(line), Weight: -1}
	known := false
	for _, word := range strings.FieldsFunc(strings.ReplaceAll(line, " %", "%"), divides) {
		switch word = strings.ToLower(word); word {
		case "up", "ready":
			r.OK, r.Weight, known = true, 100, true
		case "drain":
			r.Weight, known = 0, true
		case "down", "fail", "failed", "stopped", "maint":
			r.OK, known = false, true
		default:
			if n, err := strconv.ParseUint(strings.TrimSuffix(word, "%"), 10, 16); err == nil && strings.HasSuffix(word, "%") && n <= 100 {
				r.Weight, known = int(n), true
			}
		}
	}
	if !known {
		return failed("the agent says %q, which is neither a weight such as 75%% nor up, drain or down", clip(line))
	}
	if reason = strings.TrimSpace(reason); reason != "" {
		r.Detail = clip(r.Detail + ": " + reason)
	}
	return r
}

func divides(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\r' }
