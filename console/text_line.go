package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// WhereText renders an answer for people, one line by each rule.
func WhereText(found []Where) string {
	var b strings.Builder
	for _, w := range found {
		b.WriteString(whereLine(w))
	}
	return b.String()
}

func whereLine(w Where) string {
	if w.Reason != "" {
		return clip("no answer: "+w.Reason, len(w.Reason)+textWidth) + "\n"
	}
	node := w.Node
	if node == "" {
		node = "no node"
	}
	by := ""
	if w.Sticky {
		by = "by stickiness, which keeps it from the owner of "
	} else {
		by = "by "
	}
	return clip(fmt.Sprintf("%s, %sbucket %d of rule %s", node, by, w.Bucket, w.Rule), textWidth) + "\n"
}

// EventText renders an event for people, in one line of any length: it may be
// cut by the terminal, but not by us. Of the fields it has those that the message
// does not say already.
func EventText(e Event) string {
	line := fmt.Sprintf("%s  %-5s  %s  %s", e.Time.Format(eventTime), e.Level, e.Kind, e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		if !strings.Contains(e.Message, e.Fields[name]) {
			line += fmt.Sprintf("  %s=%s", name, e.Fields[name])
		}
	}
	return clip(line, len(line)) + "\n"
}

// eventTime is RFC 3339 with all three digits of the milliseconds, so that lines
// stay aligned.
const eventTime = "2006-01-02T15:04:05.000Z07:00"
