package console

import "strings"

// KeyText renders which keys the nodes have for people: a line that says how the farm
// stands, and a row a node.
func KeyText(k KeyReport) string {
	head := "the nodes use one key, and believe no other"
	uses := make(map[string]bool)
	for _, n := range k.known() {
		uses[n.Using] = true
	}
	switch {
	case len(k.UnderWay) > 1:
		head = "two changes of the key have met: thresher key rotate --abort"
	case len(k.UnderWay) == 1:
		head = "on the way to key " + k.UnderWay[0] + ": thresher key rotate goes on, with --abort back"
	case len(uses) > 1:
		head = "the nodes use different keys: copy the key file from one to the others"
	}
	lines := []section{{head: []string{clip(head, textWidth)}}}
	rows := [][]string{{"NODE", "USES", "BELIEVES TOO"}}
	var problems []string
	for _, n := range k.Nodes {
		rows = append(rows, []string{n.Name, orDash(n.Using), orDash(n.Next + n.Before)})
		if n.Problem != "" {
			problems = append(problems, clip(n.Name+": "+n.Problem, textWidth))
		}
		if n.Name == k.Node && len(n.Unmet) > 0 {
			problems = append(problems, clip("nobody has been met at "+strings.Join(n.Unmet, ", "), textWidth))
		}
	}
	lines = appendList(lines, rows)
	if len(k.LeftBehind) > 0 {
		problems = append(problems, clip("left behind, copy the key file to them: "+strings.Join(k.LeftBehind, ", "), textWidth))
	}
	if len(problems) > 0 {
		lines = append(lines, section{head: problems})
	}
	return layout(lines, 0)
}
