package console

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"thresher/internal/golden"
)

// The reference in docs/ is what the API's document says, in the order of its table.
func TestReferenceIsCurrent(t *testing.T) {
	const path = "../docs/api.md"
	got := reference(t)
	golden.Compare(t, path, got)
}

// reference is a table of what the API does.
func reference(t *testing.T) string {
	t.Helper()
	document := readDocument(t)
	var b strings.Builder
	b.WriteString("# API reference\n\n" +
		"Everything that the API does. This page is made of `GET /v1/openapi.json` (`just reference`), which has the schemas of requests\n" +
		"and answers, too. Doors, roles and tokens are in [console.md](console.md); `curl --unix-socket /run/thresher/api.sock http://localhost/v1/status`\n" +
		"asks a node on itself. Parameters are the query's. Every failure is `{\"code\", \"message\", \"cure\"}`. What is no proper HTTP request\n" +
		"never comes to the API: Go's server refuses it itself, in plain text (400, 417, 431, 501 or 505).\n\n" +
		"| request | role | parameters | |\n|---|---|---|---|\n")
	for _, r := range NewServer(&fakeFarm{}, NewLog(0), nil).table() {
		op := document.Paths[r.path][strings.ToLower(r.method)]
		parameters := make([]string, len(op.Parameters))
		for i, p := range op.Parameters {
			parameters[i] = "`" + p.Name + "`"
		}
		fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s |\n", r.method, r.path, cmp.Or(string(r.needs), "anybody"), strings.Join(parameters, ", "), op.Summary)
	}
	return b.String()
}
