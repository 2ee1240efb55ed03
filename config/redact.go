package config

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// leftOut stands where a value was that may be secret.
const leftOut = "(left out)"

// secretKeys are the keys whose values may be secret: webhooks have their secret in
// the URL, checks in headers, and commands in their environment.
var secretKeys = []string{"url", "headers", "environment", "send", "user", "password", "token"}

// commandKeys are the keys of commands, whose arguments may be secret.
var commandKeys = []string{"command", "start", "stop", "ready"}

// credentials are a name and a password in a URL (RFC 3986, 3.2.1), which may have any
// character if somebody wrote it wrongly; queries all that stands behind its path.
var (
	credentials = regexp.MustCompile(`://[^\s"']*@`)
	queries     = regexp.MustCompile(`(://[^?#\s"']*[?#])[^\s"']+`)
)

// Redact is the text of a configuration for other people's eyes. Comments are left
// out, too. A text that can't be read is left out as a whole.
func Redact(text []byte) []byte {
	d, err := ReadDocument(text)
	if err != nil {
		return []byte(leftOut + ": it can't be read as YAML\n")
	}
	redact(&d.doc)
	out, err := d.Text()
	if err != nil {
		return []byte(leftOut + ": " + err.Error() + "\n")
	}
	return out
}

func redact(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if n.Kind == yaml.ScalarNode {
		n.Value = queries.ReplaceAllString(credentials.ReplaceAllString(n.Value, "://"+leftOut+"@"), "${1}"+leftOut)
	}
	for i, child := range n.Content {
		key := ""
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			key = n.Content[i-1].Value
		}
		switch {
		case slices.Contains(secretKeys, key), slices.Contains(commandKeys, key) && child.Kind != yaml.SequenceNode:
			n.Content[i] = placeholder()
			continue
		case slices.Contains(commandKeys, key):
			redactArguments(child)
		}
		redact(child)
	}
}

// redactArguments leaves a command its program alone, which says which it is. Somebody
// may have written all of it as one word.
func redactArguments(command *yaml.Node) {
	if len(command.Content) == 0 {
		return
	}
	first := command.Content[0]
	program, _, more := strings.Cut(first.Value, " ")
	if first.Value = program; more || len(command.Content) > 1 || first.Kind != yaml.ScalarNode {
		command.Content = append(command.Content[:1:1], placeholder())
		first.Content = nil
	}
}

func placeholder() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: leftOut} }
