package config

import (
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// leftOut stands where a value was that may be secret.
const leftOut = "(left out)"

// secretKeys are the keys whose values may be secret: webhooks have their secret in
// the URL, checks in headers, and commands in their environment.
var secretKeys = []string{"url", "headers", "environment", "send", "user", "password", "token"}

// commandKeys are the keys of commands, whose arguments may be secret.
var commandKeys = []string{"command", "start", "stop", "ready"}

// credentials are a name and a password in a URL (RFC 3986, 3.2.1), queries all that
// stands behind its path.
var (
	credentials = regexp.MustCompile(`://[^/@\s"']*@`)
	queries     = regexp.MustCompile(`(://[^?#\s"']*[?#])[^\s"']+`)
)

// Redact is the text of a configuration for other people's eyes. Comments are left
// out, too. A text that can't be read is left out as a whole.
func Redact(text []byte) []byte {
	d, err := ReadDocument(text)
	if err != nil {
		return []byte(leftOut + ": " + err.Error() + "\n")
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
		case slices.Contains(commandKeys, key) && len(child.Content) > 1: // the program alone says which it is
			child.Content = append(child.Content[:1:1], placeholder())
		}
		redact(child)
	}
}

func placeholder() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: leftOut} }
