package console

import (
	"fmt"
	"strings"

	"thresher/config"
	"thresher/console/rotation"
)

// KeyText renders which keys the nodes have for people: how the farm stands and what
// comes next, a row a node, and what is in the way.
func KeyText(k KeyReport) string {
	head := []string{clip(k.headline(), textWidth)}
	if k.Next != nil {
		head = append(head, clip(k.Next.text(), textWidth))
	}
	rows := [][]string{{"NODE", "USES", "BELIEVES TOO", "CHANGE"}}
	for _, n := range k.Nodes {
		rows = append(rows, []string{n.Name, orDash(n.Using), orDash(n.Next + n.Before), n.standing()})
	}
	lines := appendList([]section{{head: head}}, rows)
	if problems := k.problems(); len(problems) > 0 {
		lines = append(lines, section{head: problems})
	}
	return layout(lines, 0)
}

// headline is how the farm stands.
func (k KeyReport) headline() string {
	uses := make(map[string]bool)
	for _, n := range k.known() {
		uses[n.Using] = true
	}
	switch {
	case len(k.UnderWay) > 1:
		return "two changes of the key have met: thresher key rotate --abort"
	case len(k.UnderWay) == 1:
		return "on the way to key " + k.UnderWay[0] + ": thresher key rotate goes on, with --abort back"
	case len(uses) > 1:
		return "the nodes use different keys: copy the key file from one to the others"
	}
	return "the nodes use one key, and believe no other"
}

// text is what comes next.
func (s *KeyStep) text() string {
	does := map[config.KeyStep]string{config.KeyAdd: "learn the new key", config.KeyUse: "use the new key", config.KeyDrop: "forget the old key"}
	return fmt.Sprintf("next to %s: %s", does[s.Do], strings.Join(s.Nodes, ", "))
}

// standing is how far a node is.
func (n NodeKeys) standing() string {
	switch n.Standing {
	case rotation.Rest:
		return "-"
	case rotation.Behind:
		return "does not know the new key"
	case rotation.Added:
		return "knows the new key"
	case rotation.Used:
		return "uses the new key"
	case rotation.Done:
		return "has forgotten the old key"
	}
	return "unknown"
}

// why says who knows the node, behind its name.
func (u UnknownNode) why() string { return "is not known here, but to " + strings.Join(u.By, ", ") }

// problems are what is in the way of a change.
func (k KeyReport) problems() (lines []string) {
	for _, n := range k.Nodes {
		if n.Problem != "" {
			lines = append(lines, clip(n.Name+": "+n.Problem, textWidth))
		}
	}
	for _, u := range k.Unmet {
		lines = append(lines, clip("nobody has been met at "+u.Peer+", says "+strings.Join(u.By, ", "), textWidth))
	}
	for _, u := range k.Unknown {
		lines = append(lines, clip(u.Name+" "+u.why(), textWidth))
	}
	if len(k.LeftBehind) > 0 {
		lines = append(lines, clip("left behind, copy the key file to them: "+strings.Join(k.LeftBehind, ", "), textWidth))
	}
	return lines
}
